-- The appends of a caller's transaction, right before its commit.
select eventstore.append_events_or_fail(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22, $23, $24, $25)
