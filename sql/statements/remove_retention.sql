select eventstore.remove_retention($1, $2)
