select * from eventstore.claim_subscription($1, $2, $3, $4, $5, $6, $7)
