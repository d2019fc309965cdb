-- How far some streams are.
--   $1 names
select n.place, s.version, s.deleted_at is not null as is_deleted
from unnest($1) with ordinality as n (name, place)
join eventstore.streams as s on s.name = n.name
