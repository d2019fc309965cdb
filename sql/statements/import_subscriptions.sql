-- Subscriptions; one of that name that somebody has had already stays as it is.
--   $1 streams, $2 names, $3 when they were made, $4 positions, $5 versions, $6 the events there, $7 deliveries,
--   $8 delivered, $9 announced
insert into eventstore.subscriptions as s
    (stream, name, created_at, position, version, event_id, stream_id, deliveries, delivered, announced)
select
    n.stream, n.name, n.created_at, n.position, n.version, n.event_id,
    (select st.stream_id from eventstore.streams as st where st.name = n.stream),
    n.deliveries, n.delivered, n.announced
from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
    as n (stream, name, created_at, position, version, event_id, deliveries, delivered, announced)
on conflict on constraint subscriptions_stream_name_key do update
set created_at = excluded.created_at,
    position   = excluded.position,
    version    = excluded.version,
    event_id   = excluded.event_id,
    stream_id  = excluded.stream_id,
    deliveries = excluded.deliveries,
    delivered  = excluded.delivered,
    announced  = excluded.announced
where s.epoch = 0
