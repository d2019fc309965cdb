#!/usr/bin/perl
# slow_plans.pl LOG: what auto_explain wrote of the sessions of stores, whose names begin with "test_": how many plans, and
# which of them were compiled by JIT, which fails the run.
use strict;
use warnings;

my ($file) = @ARGV;
open my $in, '<', $file or die "$file: $!\n";
my ($slow, @compiled) = (0);
my ($is_ours, $text) = (0, '');

sub settle {
    return unless $is_ours && $text =~ /duration: .* plan:/;
    ++$slow;
    push @compiled, $text if $text =~ /^\s*JIT:/m;
}

# An entry begins with the name of its session; the lines of a plan that follow begin with a tab.
while (my $line = <$in>) {
    if ($line =~ /^\t/) { $text .= $line; next }
    settle();
    $is_ours = $line =~ /^test_/;
    $text = $line;
}
settle();

print "plans of stores that took 10 ms or longer: $slow; compiled by JIT: ", scalar @compiled, "\n";
print substr($_, 0, 2000), "\n" for @compiled[0 .. ($#compiled < 2 ? $#compiled : 2)];
exit(@compiled ? 1 : 0);
