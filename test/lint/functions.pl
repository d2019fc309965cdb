#!/usr/bin/env perl
# Looks through sql/functions for calls that another function could take over. In a SECURITY DEFINER function pg_catalog
# comes first in the search_path, but of the functions of one name PostgreSQL takes the one that fits the types exactly:
# cardinality(text[]) in the store's own schema before cardinality(anyarray) in pg_catalog. So what is polymorphic is
# called by its full name, operators as well; and what has no SET clause may name nothing without its schema.
use strict;
use warnings;

# select distinct proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace and prokind <> 'p'
#   and exists (select from unnest(proargtypes) as t join pg_type on pg_type.oid = t where typname ~ '^any')
my @polymorphic = qw(
    any_value array_agg array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position
    array_positions array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort
    array_to_json array_to_string array_upper arraycontained arraycontains arrayoverlap cardinality concat concat_ws count
    cume_dist dense_rank enum_first enum_last enum_range first_value format generate_subscripts isempty json_agg
    json_build_array json_build_object json_object_agg json_populate_record json_populate_recordset jsonb_agg
    jsonb_build_array jsonb_build_object jsonb_object_agg jsonb_populate_record jsonb_populate_recordset lag last_value
    lead lower_inc lower_inf mode multirange nth_value num_nonnulls num_nulls percent_rank percentile_disc
    pg_collation_for pg_column_compression pg_column_size pg_typeof quote_literal quote_nullable range_agg range_merge
    rank row_to_json to_json to_jsonb trim_array unnest upper_inc upper_inf width_bucket
);
my $name = join '|', @polymorphic;
my $status = 0;
for my $file (@ARGV) {
    open my $in, '<', $file or die "$file: $!";
    local $/;
    my $text = <$in>;
    $text =~ s/^--jsonb //mg;
    $text =~ s/--.*$//mg;
    $text =~ s/'(?:[^']|'')*'/"'" . ("\n" x ($& =~ tr{\n}{})) . "'"/ge;
    my $complain = sub {
        my ($at, $what) = @_;
        my $line = 1 + (substr($text, 0, $at) =~ tr/\n//);
        print STDERR "$file:$line: $what\n";
        $status = 1;
    };
    while ($text =~ /(?<![.\w])($name)\s*\(/g) {
        $complain->($-[1], "$1 is polymorphic: say pg_catalog.$1");
    }
    while ($text =~ /(?<!\.)\|\|/g) {
        $complain->($-[0], '|| is polymorphic: say operator (pg_catalog.||), or pg_catalog.concat');
    }
    while ($text =~ /^\s*set\s+(\w+\.\w+)\s*=/mg) {
        $complain->($-[1], "$1 in a function's head needs a superuser: call set_config in its body");
    }
}
exit $status;
