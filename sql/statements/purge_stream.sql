select eventstore.purge_stream($1, $2)
