-- Persistent subscriptions: where each one is, and who has it.
--
-- A row is written by nobody but the functions below. The checkpoint and the lease change together, in one row, so that
-- whoever writes a checkpoint holds the lease at that moment: every write names the epoch that it was given.
create table eventstore.subscriptions (
    subscription_id bigint      generated always as identity primary key,
    stream          text        collate "C" not null, -- '$all' = the log of all streams
    name            text        collate "C" not null,
    created_at      timestamptz not null default clock_timestamp(),

    -- The checkpoint: everything up to here is done. For a stream its version counts, and the position is for reports.
    position        bigint      not null,
    version         bigint      not null default 0,
    -- The event that stood there. If another one stands there later, the log was cut back by a fail-over.
    event_id        uuid,
    -- The stream that the version belongs to. One that was deleted for good and made anew has another id.
    stream_id       bigint,
    -- How often the first event after the checkpoint has been handed out.
    deliveries      integer     not null default 0,

    -- The lease. The epoch grows with each owner, and fences off the ones before.
    epoch           bigint      not null default 0,
    owner           uuid,                             -- null = free
    owner_text      text,                             -- host and process, for people
    beat            bigint      not null default 0,   -- grows while the owner lives
    renewed_at      timestamptz,
    lease           interval,
    constraint subscriptions_stream_name_key unique (stream, name)
) with (fillfactor = 50); -- a row is updated all the time: its next version finds room on the same page

-- Events that were refused once too often, put aside so that the others can go on.
create table eventstore.parked_events (
    subscription_id bigint      not null references eventstore.subscriptions on delete cascade,
    position        bigint      not null,
    reason          text        not null,
    deliveries      integer     not null,
    parked_at       timestamptz not null default clock_timestamp(),
    replay          boolean     not null default false, -- its owner should deliver it again
    primary key (subscription_id, position)
);

-- What everybody who follows the log listens to; schema names may be too long for a channel's.
create function eventstore.tell_followers(message text)
returns void
language sql
security definer
set search_path = eventstore, pg_temp
as $function$
    select pg_notify('es_' || md5(current_schema()), message)
$function$;

-- Takes a subscription, which is made if there is none. It is free if nobody has it, if its owner has let the lease pass,
-- by the clock of the server, or if the caller has watched `beat` stand still for the time of the lease (the clock of the
-- server may have been set back).
create function eventstore.claim_subscription(
    stream_name  text,
    subscription text,
    new_owner    uuid,
    owner_name   text,
    lease_ms     bigint,
    start        bigint, -- of a new one: done is everything up to this version or position; null = all there is now
    stalled_beat bigint, -- null = none was watched
    out taken    boolean,
    out id       bigint,
    out epoch    bigint,
    out beat     bigint,
    out checkpoint_position bigint,
    out checkpoint_version  bigint,
    out deliveries bigint,
    out truncated  boolean, -- the log does not reach the checkpoint any more, or holds another event there
    out owners_lease_ms bigint, -- if it is not free
    out replays    boolean, -- something that was parked is to be delivered again
    out seen_timeline integer, -- the history that the checkpoint is of
    out seen_stream   bigint   -- the stream that has the name
)
language plpgsql
security definer
set search_path = eventstore, pg_temp
set enable_seqscan = off
as $function$
#variable_conflict use_column
declare
    mine     subscriptions;
    head     bigint;
    here     streams;
    there    uuid;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'a subscription is taken in a READ COMMITTED transaction' using errcode = '25008';
    end if;
    select s.* into here from streams as s where s.name = stream_name;
    select greatest(l.floor, (select e.position from events as e order by e.position desc limit 1))
    into head from log_state as l;

    insert into subscriptions as s (stream, name, position, version, stream_id)
    select
        stream_name, subscription,
        case
            when stream_name = '$all' then coalesce(start, head)
            else coalesce((
                select e.position from events as e
                where e.stream_id = here.stream_id and e.stream_version = coalesce(start, here.version)), 0)
        end,
        case when stream_name = '$all' then 0 else coalesce(start, here.version, 0) end,
        here.stream_id
    where not exists (
        select from subscriptions as known where known.stream = stream_name and known.name = subscription)
    on conflict on constraint subscriptions_stream_name_key do nothing;

    select s.* into mine from subscriptions as s
    where s.stream = stream_name and s.name = subscription
    for update;
    if not found then
        raise exception 'the subscription was deleted at this very moment' using errcode = '40001';
    end if;

    id := mine.subscription_id;
    beat := mine.beat;
    seen_timeline := timeline();
    seen_stream := here.stream_id;
    taken := false;
    truncated := false;
    owners_lease_ms := coalesce(extract(epoch from mine.lease) * 1000, 0)::bigint;
    if mine.owner is not null and mine.owner <> new_owner
        and clock_timestamp() between mine.renewed_at and mine.renewed_at + mine.lease
        and mine.beat is distinct from stalled_beat
    then
        return;
    end if;

    if mine.event_id is not null then
        select e.event_id into there from events as e where e.position = mine.position;
        truncated := (found and there <> mine.event_id) or mine.position > head;
    end if;
    if here.stream_id <> mine.stream_id then
        mine.version := 0; -- the name has a new life
    end if;
    update subscriptions as s
    set epoch      = s.epoch + 1,
        owner      = new_owner,
        owner_text = owner_name,
        beat       = s.beat + 1,
        renewed_at = clock_timestamp(),
        lease      = lease_ms * interval '1 millisecond',
        version    = mine.version,
        stream_id  = coalesce(here.stream_id, s.stream_id),
        deliveries = case when mine.owner is null then s.deliveries else s.deliveries + 1 end
    where s.subscription_id = mine.subscription_id
    returning s.epoch, s.beat, s.position, s.version, s.deliveries
    into epoch, beat, checkpoint_position, checkpoint_version, deliveries;
    replays := exists (select from parked_events as p where p.subscription_id = mine.subscription_id and p.replay);
    taken := true;
end
$function$;

-- Renews the leases of one owner's subscriptions, writes the checkpoints of those that have moved, and lets go of those
-- that have ended: for all of them in one call. Returns for each: 0 = done, 1 = it has another owner by now, 2 = it was
-- deleted, 3 = the log was cut back behind the checkpoint. Rows are taken in the order of the arguments: give them in
-- the order of their ids, so that no two calls wait for each other.
create function eventstore.settle_subscriptions(
    ids             bigint[],
    epochs          bigint[],
    positions       bigint[], -- null = only renew the lease
    versions        bigint[],
    timelines       integer[], -- the history in which its owner has seen that position
    event_ids       uuid[],    -- the event at the checkpoint, where it is known
    delivery_counts integer[],
    releases        boolean[]
)
returns integer[]
language plpgsql
security definer
set search_path = eventstore, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $function$
declare
    answer       integer[] := array_fill(0, array[cardinality(ids)]);
    now_timeline constant integer := timeline();
    there        uuid;   -- the event at the checkpoint
    there_stream bigint;
begin
    if now_timeline = 0 then
        raise exception 'checkpoints are not written on a standby: it may not hold yet what was seen'
            using errcode = 'read_only_sql_transaction';
    end if;
    for i in 1 .. cardinality(ids) loop
        there := null;
        there_stream := null;
        if positions[i] is not null then
            -- Both ways to find out that a fail-over has lost what was seen: a restored copy may have the same timeline.
            select e.event_id, e.stream_id into there, there_stream from events as e where e.position = positions[i];
            if there <> event_ids[i]
                or ((there is null or timelines[i] <> now_timeline) and not is_held(timelines[i], positions[i]))
            then
                answer[i] := 3;
                continue;
            end if;
        end if;

        update subscriptions as s
        set beat       = s.beat + 1,
            renewed_at = case when releases[i] then null else clock_timestamp() end,
            owner      = case when releases[i] then null else s.owner end,
            owner_text = case when releases[i] then null else s.owner_text end,
            -- Only forward: an earlier call may arrive late.
            position   = greatest(s.position, positions[i]),
            version    = case when positions[i] >= s.position then versions[i] else s.version end,
            event_id   = case when positions[i] > s.position then there else s.event_id end,
            stream_id  = case
                when positions[i] > s.position and s.stream <> '$all' then coalesce(there_stream, s.stream_id)
                else s.stream_id
            end,
            deliveries = coalesce(delivery_counts[i], s.deliveries)
        where s.subscription_id = ids[i] and s.epoch = epochs[i];
        if not found then
            answer[i] := case
                when exists (select from subscriptions as s where s.subscription_id = ids[i]) then 1 else 2
            end;
        elsif releases[i] then
            perform tell_followers('free ' || ids[i]);
        end if;
    end loop;
    return answer;
end
$function$;

-- Puts events aside, in the name of a lease; false if it has another owner by now.
create function eventstore.park_events(
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
    select id, positions[n], why, delivery_counts[n] from generate_subscripts(positions, 1) as n
    on conflict (subscription_id, position) do update
    set reason = why, deliveries = excluded.deliveries, parked_at = clock_timestamp(), replay = false;
    return true;
end
$function$;

-- Takes events that were delivered again out of what is parked, in the name of a lease. Those that were parked anew stay.
create function eventstore.unpark_events(id bigint, lease_epoch bigint, positions bigint[])
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
create function eventstore.release_parked(stream_name text, subscription text, positions bigint[], discard boolean)
returns bigint
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    id       bigint;
    released bigint;
begin
    select s.subscription_id into id from subscriptions as s where s.stream = stream_name and s.name = subscription;
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
        perform tell_followers('replay ' || id);
    end if;
    return released;
end
$function$;

-- Removes a subscription, its checkpoint and what it has parked; whoever has it is told. False if there is none.
create function eventstore.delete_subscription(stream_name text, subscription text)
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
    perform tell_followers('gone ' || id);
    return true;
end
$function$;

-- Sets the checkpoint of a subscription: what lies behind it is delivered (again). Whoever has it loses it. False if
-- there is none.
create function eventstore.reset_subscription(stream_name text, subscription text, new_checkpoint bigint)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    id bigint;
begin
    update subscriptions as s
    set epoch      = s.epoch + 1,
        owner      = null,
        owner_text = null,
        renewed_at = null,
        deliveries = 0,
        event_id   = null,
        version    = case when stream_name = '$all' then 0 else new_checkpoint end,
        position   = case
            when stream_name = '$all' then new_checkpoint
            else coalesce((
                select e.position from events as e
                where e.stream_id = s.stream_id and e.stream_version = new_checkpoint), 0)
        end
    where s.stream = stream_name and s.name = subscription
    returning s.subscription_id into id;
    if not found then
        return false;
    end if;
    perform tell_followers('gone ' || id);
    return true;
end
$function$;

revoke execute on function
    eventstore.tell_followers, eventstore.claim_subscription, eventstore.settle_subscriptions, eventstore.park_events,
    eventstore.unpark_events, eventstore.release_parked, eventstore.delete_subscription, eventstore.reset_subscription
from public;
