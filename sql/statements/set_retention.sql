-- $1 name, $2 whether it is a prefix, $3 truncate_before, $4 max_count, $5 max_age in milliseconds
select eventstore.set_retention($1, $2, $3, $4, $5 * interval '1 millisecond')
