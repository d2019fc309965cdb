-- The parked events up to a position.
--   $1 the position; a number
copy (
    select p.position, s.name, s.stream, p.reason, p.deliveries::bigint as deliveries, p.parked_at, p.replay
    from eventstore.parked_events as p
    join eventstore.subscriptions as s on s.subscription_id = p.subscription_id
    where p.position <= $1
    order by p.subscription_id, p.position
) to stdout (format binary)
