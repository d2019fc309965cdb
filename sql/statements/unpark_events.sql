select eventstore.unpark_events($1, $2, $3)
