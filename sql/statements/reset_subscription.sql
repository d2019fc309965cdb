select eventstore.reset_subscription($1, $2, $3)
