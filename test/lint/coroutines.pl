#!/usr/bin/perl
# coroutines.pl [--expect-all-bad] FILE...: refuses the spellings that g++ 12 miscompiles or refuses in an expression
# with co_await or co_yield. Its defects are silent (an owner destroyed twice, a coroutine that never resumes), so they
# are kept out of the tree whether or not a place happens to work. Reads C++ files, and the ```cpp snippets of *.md.
#
#   refused                                      what to write
#   co_await f({.name = n})   co_await f(T{n})   T t{n}; co_await f(std::move(t))    or a class with constructors
#   co_await f({a, b})                           a named vector, or events(a, b)
#   co_await f(c ? a : b)                        if and else
#   co_await f([s] { ... })                      a named lambda; captures by reference are right
#   if (co_await f())                            const bool yes = co_await f(); if (yes)
#
# --expect-all-bad is for the lint's own test: every statement with co_await must be refused, and none is printed.
use strict;
use warnings;

my $expect_all_bad = @ARGV && $ARGV[0] eq '--expect-all-bad' && shift;
my ($file, $found, $missed) = ('', 0, 0);

sub complain {
    my ($line, $why, $text) = @_;
    $found++;
    $text =~ s/\s+/ /g;
    $text =~ s/\x01/{...}/g;
    print "$file:$line: $why: ", substr($text, 0, 100), "\n" unless $expect_all_bad;
}

my $parens = qr/(\((?:[^()]++|(?-1))*+\))/;
my $lambda = qr/(?<![\w\])])\s*\[([^\[\]]*)\]\s*(?:<[^{}]*>\s*)?(?:$parens\s*)?(?:(?:mutable|noexcept|constexpr)\s*)*(?:->[^{}();]*)?/;

# One full expression, or a declaration with its initialiser.
sub why_bad {
    my ($text) = @_;
    return undef if $text !~ /\bco_(?:await|yield)\b/;
    return 'a braced list' if $text =~ /\{/; # bodies of lambdas are \x01 here
    return 'a conditional operator' if $text =~ /\?/;
    while ($text =~ /$lambda\x01/g) {
        for my $capture (split /,/, $1) {
            $capture =~ s/^\s+|\s+$//g;
            return 'a temporary lambda that captures by value' if $capture !~ /^(?:&.*|this|)$/;
        }
    }
    return undef;
}

# A statement without its block: the head of an `if`, or everything up to the semicolon.
sub check {
    my ($line, $text) = @_;
    return if $text !~ /\bco_(?:await|yield)\b/;
    my $whole = $text;
    my $why;
    while ($text =~ s/^\s*(?:(?:else|do|try)\b\s*)*(if|while|switch|for)\s*(?:constexpr\s*)?$parens//) {
        my ($keyword, $head) = ($1, substr($2, 1, -1));
        my @parts = split /;/, $head;
        my $condition = $keyword eq 'for' ? (@parts > 1 ? $parts[1] : '') : $parts[-1] // '';
        if ($condition =~ /\bco_(?:await|yield)\b/ && $condition !~ /^\s*[\w:<>,&*\s]+[\w>&*]\s+[&*]*\w+\s*=[^=]/) {
            $why //= "co_await as the condition of '$keyword'";
        }
        $why //= why_bad($_) for @parts;
    }
    $why //= why_bad($text);
    if ($why) { complain($line, $why, $whole) }
    elsif ($expect_all_bad) { $missed++; print "$file:$line: not refused: $whole\n" }
}

# Blanks out comments, literals and directives; lines keep their numbers.
sub code_of {
    my ($text) = @_;
    my $blank = sub { my $t = shift; $t =~ s/[^\n]//g; $t };
    $text =~ s{
        (?<raw>R"(?<delimiter>[^(\s"]*)\(.*?\)\g{delimiter}")
      | (?<string>"(?:\\.|[^"\\\n])*")
      | (?<char>(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+')
      | (?<comment>//[^\n]*|/\*.*?\*/)
      | (?<directive>^[ \t]*\#(?:\\\n|[^\n])*)
    }{
        my %m = %+; my $all = $&;
        (defined $m{comment} || defined $m{directive} ? ' ' : '""') . $blank->($all)
    }gsemx;
    return $text;
}

# Walks over the code and calls check() for each statement. A `{` that opens a block ends the statement before it,
# unless the block is the body of a lambda: its statements are looked at by themselves, and \x01 stands for it.
sub walk {
    my ($code) = @_;
    my $line = 1;
    my @stack; # of [kind, statement, its line, depth of parentheses]
    my ($statement, $start, $depth) = ('', 1, 0);
    my $finish = sub { check($start, $statement); ($statement, $start, $depth) = ('', $line, 0) };

    while ($code =~ /\G([^\n;{}()]+|[\n;{}()])/g) {
        my $token = $1;
        if ($token eq "\n") {
            $line++;
            $statement .= ' ';
        } elsif ($token eq '(' || $token eq ')') {
            $depth += $token eq '(' ? 1 : -1;
            $statement .= $token;
        } elsif ($token eq ';') {
            if ($depth > 0) { $statement .= $token }
            else { $finish->() }
        } elsif ($token eq '{') {
            my $kind =
                  $statement =~ /$lambda$/ ? 'lambda'
                : $depth > 0 || (@stack && $stack[-1][0] eq 'list') ? 'list'
                : $statement =~ /^\s*$|\)\s*$|\b(?:else|do|try|const|noexcept|override|final|mutable)\s*$|[^:]:\s*$|->\s*[^(){};=]+$/ ? 'block'
                : $statement =~ /^\s*(?:[A-Z_]+\(\w*\)\s*)*(?:template\s*<.*>\s*)?(?:inline\s+)?(?:namespace|class|struct|union|enum|extern|concept|export)\b[^=]*$/ ? 'block'
                : $statement =~ /^\s*[\w:<>,&*\s()\[\]]*\brequires\b/ ? 'block'
                : 'list';
            if ($kind eq 'list') {
                push @stack, [$kind];
                $statement .= $token;
            } else {
                my @saved = ($kind, $statement, $start, $depth);
                if ($kind eq 'block') { check($start, $statement); @saved = ($kind, '', $line, 0) }
                push @stack, \@saved;
                ($statement, $start, $depth) = ('', $line, 0);
            }
        } elsif ($token eq '}') {
            my $top = pop @stack // ['block', '', $line, 0];
            if ($top->[0] eq 'list') {
                $statement .= $token;
            } else {
                check($start, $statement);
                ($statement, $start, $depth) = ($top->[1], $top->[2], $top->[3]);
                if ($top->[0] eq 'lambda') { $statement .= "\x01" }
                else { $start = $line }
            }
        } else {
            $start = $line if $statement =~ /^\s*$/;
            $statement .= $token;
        }
    }
    check($start, $statement);
}

for my $path (@ARGV) {
    $file = $path;
    open my $in, '<', $path or die "$path: $!\n";
    my $text = do { local $/; <$in> } // '';
    if ($path =~ /\.md$/) {
        my $inside = 0;
        $text = join '', map {
            if (/^\s*```/) { $inside = /^\s*```(?:cpp|c\+\+)\s*$/ ? 1 : 0; "\n" }
            else { $inside ? $_ : "\n" }
        } split /(?<=\n)/, $text;
    }
    walk(code_of($text));
}

if ($expect_all_bad) { exit($missed || !$found ? 1 : 0) }
exit($found ? 1 : 0);
