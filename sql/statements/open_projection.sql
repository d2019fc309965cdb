select o.outcome::bigint, o.consumers::bigint from eventstore.open_projection($1, $2, $3) as o
