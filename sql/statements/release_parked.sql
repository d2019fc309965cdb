select eventstore.release_parked($1, $2, $3, $4)
