-- A link at or behind a position to an event before it.
--   $1 the position
select
    l.position,
    (select s.name::text from eventstore.streams as s where s.stream_id = l.stream_id) as stream,
    l.link_to
from eventstore.events as l
where l.link_to < $1
  and l.position >= $1
  and not exists (
      select from eventstore.streams as s where s.stream_id = l.stream_id and s.deletion is not null
      and starts_with(s.name, '$deleted '))
order by l.position
limit 1
