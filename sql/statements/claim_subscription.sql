-- Takes a subscription, and tells what it has put aside: how many events, and for how long the oldest, in milliseconds.
select c.*, p.parked, p.oldest
from eventstore.claim_subscription($1, $2, $3, $4, $5, $6, $7) as c
cross join lateral (
    select
        count(*) as parked,
        coalesce(greatest((extract(epoch from clock_timestamp() - min(e.parked_at)) * 1e3)::bigint, 0), 0) as oldest
    from eventstore.parked_events as e
    where e.subscription_id = c.id
) as p
