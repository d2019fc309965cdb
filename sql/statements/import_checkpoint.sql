-- The place of a checkpoint: of the log of all streams by an event, of a stream by a version.
--   $1 stream, $2 version, $3 event
select e.position, 0::bigint as version, e.event_id
from eventstore.events as e
where $1 = '$all'
  and e.event_id = $3
union all
(
    select e.position, e.stream_version, e.event_id
    from eventstore.events as e
    where e.stream_id = (select s.stream_id from eventstore.streams as s where s.name = $1)
      and e.stream_version <= $2
    order by e.stream_version desc
    limit 1
)
