-- Streams that were deleted for good, and have events left.
select s.stream_id
from eventstore.streams as s
where s.deletion is not null
  and starts_with(s.name, '$deleted ')
order by s.stream_id
