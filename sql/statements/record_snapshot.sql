select eventstore.record_snapshot($1, $2, $3, $4, $5)
