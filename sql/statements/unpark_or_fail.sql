select eventstore.unpark_or_fail($1, $2, $3)
