-- Which of these streams are there and not deleted.
--   $1 names
select s.stream_id, s.name
from eventstore.streams as s
where s.name = any ($1) and s.deleted_at is null
