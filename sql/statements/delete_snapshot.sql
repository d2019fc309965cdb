select eventstore.delete_snapshot($1)
