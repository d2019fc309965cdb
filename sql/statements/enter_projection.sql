select * from eventstore.enter_projection($1, $2)
