-- The next subscriptions by id, and what the log holds at their checkpoints, in one snapshot.
--   $1 after this subscription id, $2 at most so many
select
    s.subscription_id,
    s.stream,
    s.name,
    s.position,
    s.version,
    coalesce(s.event_id::text, '') as event_id,
    coalesce(there.event_id::text, '') as there,
    coalesce(s.stream_id, 0) as stream_id,
    coalesce(here.stream_id, 0) as stream_now,
    coalesce(here.version, 0) as version_now,
    greatest(log.floor, log.last) as head,
    log.floor
from eventstore.subscriptions as s
cross join (
    select
        coalesce((select max(l.floor) from eventstore.log_state as l), 0) as floor,
        coalesce((select e.position from eventstore.events as e order by e.position desc limit 1), 0) as last
) as log
left join eventstore.events as there on there.position = s.position
left join eventstore.streams as here on here.name = s.stream
where s.subscription_id > $1
order by s.subscription_id
limit $2
