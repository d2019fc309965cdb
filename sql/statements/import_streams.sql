-- The streams of some events that are about to be stored; those that are there get their new versions. One that was deleted
-- was restored, or it would have no new events.
--   $1 names, $2 versions
with found as (
    select n.place, n.version, s.stream_id, s.version as present
    from unnest($1, $2) with ordinality as n (name, version, place)
    join eventstore.streams as s on s.name = n.name
), moved as (
    update eventstore.streams as s
    set version    = f.version,
        deleted_at = null,
        deletion   = null
    from found as f
    where s.stream_id = f.stream_id
      and s.version < f.version
)
select f.place, f.stream_id
from found as f
