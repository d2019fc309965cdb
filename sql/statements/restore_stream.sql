select eventstore.restore_stream($1)
