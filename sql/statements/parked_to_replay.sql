-- Where the events stand that a subscription should deliver again.
select p.position from eventstore.parked_events as p where p.subscription_id = $1 and p.replay order by p.position
