select eventstore.drop_projection($1, $2)
