#!/usr/bin/perl
# count.pl BUILD_FOLDER: prints `N passed, N failed` for the last run of CTest, which wrote junit.xml there. Test cases
# count where the entry left a report of Boost.Test (reports/ENTRY.xml), else the entry itself counts as one.
use strict;
use warnings;

my ($folder, $condition) = @ARGV;
my ($passed, $failed) = (0, 0);
my @skipped;

sub content {
    open my $in, '<', $_[0] or return '';
    local $/;
    return <$in> // '';
}

my $junit = content("$folder/junit.xml");
while ($junit =~ /<testcase name="([^"]+)"[^>]*status="(\w+)"[^>]*>\s*(<skipped message="SKIP_)?(.*?)<\/testcase>/gs) {
    my ($entry, $status, $skips, $output) = ($1, $2, $3, $4);
    if ($status eq 'disabled' || defined $skips) { # it said that it cannot be run here
        push @skipped, $entry;
        next;
    }
    my %count;
    my ($total) = content("$folder/reports/$entry.xml") =~ /<TestSuite ([^>]*)>/;
    %count = $total =~ /test_cases_(\w+)="(\d+)"/g if defined $total;
    my $good = ($count{passed} // 0) + ($count{passed_with_warnings} // 0);
    my $bad = ($count{failed} // 0) + ($count{aborted} // 0) + ($count{timed_out} // 0);
    my @cases = $output =~ /Test (?:case|suite) (?:&quot;|")([^&"]+)(?:&quot;|") is skipped because precondition/g;
    push @skipped, @cases;
    if ($status eq 'run') { $good ||= 1 unless @cases }
    else { $bad ||= 1 } # a crash or the end of its time leaves no report
    $passed += $good;
    $failed += $bad;
}
print "as $condition: " if defined $condition;
print "$passed passed, $failed failed";
print ", skipped: ", join(', ', @skipped) || 'nothing' if defined $condition;
print "\n";
exit($passed > 0 && $failed == 0 ? 0 : 1);
