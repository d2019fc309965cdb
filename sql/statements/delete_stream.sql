select eventstore.delete_stream($1, $2, $3, $4)
