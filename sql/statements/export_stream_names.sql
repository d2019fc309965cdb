-- The names of streams by their ids, and when they were made; see stream_names.
--   $1 ids
select s.stream_id, s.name, s.created_at
from eventstore.streams as s
where s.stream_id = any ($1)
