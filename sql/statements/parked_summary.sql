-- How many events a subscription has put aside, and for how long the oldest has been there, in milliseconds.
select
    count(*),
    coalesce(greatest((extract(epoch from clock_timestamp() - min(p.parked_at)) * 1e3)::bigint, 0), 0)
from eventstore.parked_events as p
where p.subscription_id = $1
