select eventstore.switch_projection($1, $2)
