select eventstore.delete_subscription($1, $2)
