-- One event by its id; no row = there is none, or its stream is being deleted for good.
--   $1 event id
select
    e.stream_version, e.position, e.created_at, e.event_id, e.correlation_id, e.causation_id,
    e.type, e.data, e.metadata, e.link_to, s.name
from eventstore.events as e
join eventstore.streams as s on s.stream_id = e.stream_id
where e.event_id = $1 and e.link_to is null and not starts_with(s.name, '$deleted ')
