-- Streams of the Elixir library that have events.
--   $1 after this id, $2 count
select s.stream_id, s.stream_uuid, s.stream_version, s.created_at, s.deleted_at
from eventstore.streams as s
where s.stream_id > greatest($1, 0)
  and s.stream_version > 0
order by s.stream_id
limit $2
