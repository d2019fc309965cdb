-- Removes a subscription, its checkpoint and what it has parked; whoever has it is told. False if there is none.
create or replace function eventstore.delete_subscription(stream_name text, subscription text)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    id bigint;
begin
    delete from subscriptions as s
    where s.stream = stream_name and s.name = subscription
    returning s.subscription_id into id;
    if not found then
        return false;
    end if;
    perform tell_followers(pg_catalog.concat('gone ', id));
    return true;
end
$function$;

-- Sets the checkpoint of a subscription: what lies behind it is delivered (again). Whoever has it loses it. False if
-- there is none.
create or replace function eventstore.reset_subscription(stream_name text, subscription text, new_checkpoint bigint)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    id   bigint;
    here bigint; -- the stream that has the name now: versions are of that one
begin
    select st.stream_id into here from streams as st where st.name = stream_name;
    update subscriptions as s
    set epoch      = s.epoch + 1,
        owner      = null,
        owner_text = null,
        renewed_at = null,
        deliveries = 0,
        delivered  = 0,
        announced  = 0,
        event_id   = null,
        stream_id  = here,
        version    = case when stream_name = '$all' then 0 else new_checkpoint end,
        position   = case
            when stream_name = '$all' then new_checkpoint
            else coalesce((
                select e.position from events as e
                where e.stream_id = here and e.stream_version = new_checkpoint), 0)
        end
    where s.stream = stream_name and s.name = subscription
    returning s.subscription_id into id;
    if not found then
        return false;
    end if;
    perform tell_followers(pg_catalog.concat('gone ', id));
    return true;
end
$function$;

revoke execute on function eventstore.delete_subscription, eventstore.reset_subscription from public;
