-- The streams of some events that are about to be stored, as far as they are there.
--   $1 names
select n.place, s.version, s.deleted_at is not null as is_deleted, s.stream_id
from unnest($1) with ordinality as n (name, place)
join eventstore.streams as s on s.name = n.name
