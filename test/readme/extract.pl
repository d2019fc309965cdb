#!/usr/bin/perl
# extract.pl README.md FOLDER: writes each ```cpp snippet into a file of FOLDER that can be compiled.
#   program_LINE.cpp   one that contains main(), as it is
#   part_LINE.cpp      any other: declarations as they are, statements inside a coroutine, both behind snippet.hpp
# A file that would not change is left alone, so that nothing is compiled again.
use strict;
use warnings;

my ($readme, $folder) = @ARGV;
mkdir $folder;
open my $in, '<', $readme or die "$readme: $!\n";

my (%wanted, $snippet, $line);
while (<$in>) {
    if (!defined $snippet) {
        ($snippet, $line) = ('', $. + 1) if /^```cpp\s*$/;
    } elsif (/^```\s*$/) {
        my $place = "#line $line \"$readme\"\n";
        if ($snippet =~ /\bmain\s*\(/) {
            $wanted{"program_$line.cpp"} = $place . $snippet;
        } elsif ($snippet =~ /^(?:#include|namespace|template|struct|class|(?:\w+::)*awaitable<.*\{$)/m) {
            $wanted{"part_$line.cpp"} = "#include \"snippet.hpp\"\n$place$snippet";
        } else {
            $wanted{"part_$line.cpp"} = "#include \"snippet.hpp\"\n\n"
                . "asio::awaitable<void> snippet(es::store store) {\n{\n$place$snippet}\n    co_return;\n}\n";
        }
        undef $snippet;
    } else {
        $snippet .= $_;
    }
}
die "$readme: the snippet at line $line has no end\n" if defined $snippet;

for my $old (glob "$folder/*.cpp") {
    my ($name) = $old =~ m{([^/]+)$};
    unlink $old if !exists $wanted{$name};
}
for my $name (sort keys %wanted) {
    my $present = '';
    if (open my $file, '<', "$folder/$name") { local $/; $present = <$file> // ''; }
    next if $present eq $wanted{$name};
    open my $out, '>', "$folder/$name" or die "$folder/$name: $!\n";
    print $out $wanted{$name};
    close $out or die "$folder/$name: $!\n";
}
