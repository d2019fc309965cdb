-- Streams whose state their events do not tell.
--   $1 names, $2 versions, $3 when they were made, $4 when they were deleted (null = they are not)
insert into eventstore.streams as s (name, version, created_at, deleted_at)
select n.name, n.version, n.created_at, n.deleted_at
from unnest($1, $2, $3, $4) as n (name, version, created_at, deleted_at)
on conflict (name) do update
set version    = greatest(s.version, excluded.version),
    created_at = excluded.created_at,
    deleted_at = coalesce(s.deleted_at, excluded.deleted_at)
