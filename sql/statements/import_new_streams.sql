-- Makes streams.
--   $1 names, $2 versions, $3 when they were made
insert into eventstore.streams as s (name, version, created_at)
select n.name, n.version, n.created_at
from unnest($1, $2, $3) as n (name, version, created_at)
returning s.name::text, s.stream_id
