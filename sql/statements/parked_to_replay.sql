-- Where the events stand that a subscription should deliver again, and how often each was handed out before. What lies behind
-- the checkpoint is delivered anyway, if its owner dies before it has passed: it is replayed only after that.
--   $1 subscription, $2 positions of those that it is delivering, $3 how many
select p.position, p.deliveries from eventstore.parked_events as p
where p.subscription_id = $1 and p.replay and p.position <> all ($2)
    and p.position <= (select s.position from eventstore.subscriptions as s where s.subscription_id = $1)
order by p.position
limit $3
