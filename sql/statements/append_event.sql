-- One event, by a writer that has the log for itself.
select eventstore.append_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
