-- The names of streams by their ids; an id that is gone, or going (a hard delete), has no row.
--   $1 ids
select s.stream_id, s.name
from eventstore.streams as s
where s.stream_id = any ($1) and not starts_with(s.name, '$deleted ')
