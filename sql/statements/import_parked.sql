-- Parked events, of subscriptions that are there; what somebody has had already stays as it is.
--   $1 positions, $2 streams, $3 names, $4 reasons, $5 deliveries, $6 when they were parked, $7 whether they are to be
--   delivered again
insert into eventstore.parked_events (subscription_id, position, reason, deliveries, parked_at, replay)
select s.subscription_id, n.position, n.reason, n.deliveries, n.parked_at, n.replay
from unnest($1, $2, $3, $4, $5, $6, $7) as n (position, stream, name, reason, deliveries, parked_at, replay)
join eventstore.subscriptions as s on s.stream = n.stream and s.name = n.name and s.epoch = 0
on conflict (subscription_id, position) do nothing
