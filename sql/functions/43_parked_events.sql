-- Puts events aside, in the name of a lease; false if it has another owner by now.
create or replace function eventstore.park_events(
    id              bigint,
    lease_epoch     bigint,
    positions       bigint[],
    delivery_counts integer[],
    why             text
)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
begin
    perform from subscriptions as s where s.subscription_id = id and s.epoch = lease_epoch for update;
    if not found then
        return false;
    end if;
    insert into parked_events as p (subscription_id, position, reason, deliveries)
    select id, positions[n], why, delivery_counts[n] from pg_catalog.generate_subscripts(positions, 1) as n
    on conflict (subscription_id, position) do update
    set reason = why, deliveries = excluded.deliveries, parked_at = clock_timestamp(), replay = false;
    return true;
end
$function$;

-- Takes events that were delivered again out of what is parked, in the name of a lease. Those that were parked anew stay.
create or replace function eventstore.unpark_events(id bigint, lease_epoch bigint, positions bigint[])
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
begin
    perform from subscriptions as s where s.subscription_id = id and s.epoch = lease_epoch for update;
    if not found then
        return false;
    end if;
    delete from parked_events as p where p.subscription_id = id and p.position = any (positions) and p.replay;
    return true;
end
$function$;

-- Has parked events delivered again (or, with discard, forgotten): all of them, or those at these positions. Returns how
-- many; null if there is no such subscription.
create or replace function eventstore.release_parked(stream_name text, subscription text, positions bigint[], discard boolean)
returns bigint
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    id       bigint;
    released bigint;
begin
    -- The row before what is parked, as its owner does.
    select s.subscription_id into id from subscriptions as s where s.stream = stream_name and s.name = subscription
    for update;
    if not found then
        return null;
    end if;
    if discard then
        delete from parked_events as p
        where p.subscription_id = id and (positions is null or p.position = any (positions));
        get diagnostics released = row_count;
    else
        update parked_events as p set replay = true
        where p.subscription_id = id and (positions is null or p.position = any (positions));
        get diagnostics released = row_count;
        perform tell_followers(pg_catalog.concat('replay ', id));
    end if;
    return released;
end
$function$;

revoke execute on function eventstore.park_events, eventstore.unpark_events, eventstore.release_parked from public;
