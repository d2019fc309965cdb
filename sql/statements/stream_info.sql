-- What is known of one stream; no row = there is none.
--   $1 name
select s.name, s.version, s.created_at, s.deleted_at, s.stream_id
from eventstore.streams as s
where s.name = $1
