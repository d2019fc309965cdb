-- The names of streams by their ids: of one that is being deleted for good its tombstone's ('$deleted <id>'); an id that is
-- gone has no row.
--   $1 ids
select s.stream_id, s.name
from eventstore.streams as s
where s.stream_id = any ($1)
