select eventstore.park_events($1, $2, $3, $4, $5)
