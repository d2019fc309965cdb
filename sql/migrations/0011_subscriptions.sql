-- What the database knows of events that were handed out, so that the death of an owner counts those that it had, and no
-- others. All of it is behind the checkpoint, or of no account.
alter table eventstore.subscriptions
    add column delivered bigint not null default 0, -- events through this position were handed out `deliveries` times
    add column announced bigint not null default 0; -- others through this position may have been

-- Nobody knows what owners of today have handed out.
update eventstore.subscriptions
set announced = (select coalesce(max(e.position), 0) from eventstore.events as e)
where owner is not null or deliveries > 0;

-- Tells with each renewal whether something is to be delivered again, however much is parked.
create index parked_events_to_replay on eventstore.parked_events (subscription_id, position) where replay;

drop function eventstore.claim_subscription(text, text, uuid, text, bigint, bigint, bigint);
drop function eventstore.settle_subscriptions(
    bigint[], bigint[], bigint[], bigint[], integer[], uuid[], integer[], boolean[]);
