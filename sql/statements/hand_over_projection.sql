select eventstore.hand_over_projection($1, $2, $3)
