-- Takes events that were delivered again out of what is parked, as a part of a transaction of the owner's: its effects and
-- the end of the parking are committed together. ES004 = the subscription has another owner by now, or the events are not
-- parked any more; the whole transaction is rolled back. The row of the subscription stays locked to the commit, so that no
-- other owner takes over before it.
create or replace function eventstore.unpark_or_fail(id bigint, lease_epoch bigint, positions bigint[])
returns void
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    unparked bigint;
begin
    perform from subscriptions as s where s.subscription_id = id and s.epoch = lease_epoch for update;
    if not found then
        raise exception 'the subscription has another owner by now' using errcode = 'ES004';
    end if;
    delete from parked_events as p where p.subscription_id = id and p.position = any (positions) and p.replay;
    get diagnostics unparked = row_count;
    if unparked < pg_catalog.cardinality(positions) then
        raise exception 'the events were handled already, or parked anew' using errcode = 'ES004';
    end if;
end
$function$;

revoke execute on function eventstore.unpark_or_fail from public;
