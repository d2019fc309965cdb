-- Takes a subscription, which is made if there is none. It is free if nobody has it, if its owner has let the lease pass,
-- by the clock of the server, or if the caller has watched a beat of its owner's stand still for the time of the lease
-- (the clock of the server may have been set back). Who does not get it has locked nothing, and written nothing.
create or replace function eventstore.claim_subscription(
    stream_name  text,
    subscription text,
    new_owner    uuid,
    owner_name   text,
    lease_ms     bigint,
    start        bigint,   -- of a new one: done is everything up to this version or position; null = all there is now
    stalled      bigint[], -- {id, epoch, beat} that was seen to stand still; null = none was
    out taken    boolean,
    out id       bigint,
    out epoch    bigint,
    out beat     bigint,
    out checkpoint_position bigint,
    out checkpoint_version  bigint,
    out truncated  boolean, -- it is not taken: the log does not reach the checkpoint, or holds another event there
    out owners_lease_ms bigint, -- if it is not free
    out replays    boolean, -- something that was parked is to be delivered again
    out seen_timeline integer, -- the history that the checkpoint is of
    out seen_stream   bigint,  -- the stream that has the name
    out checkpoint_event uuid, -- the event there, if it is known
    out deliveries integer,    -- how often events through `delivered` were handed out
    out delivered  bigint,
    out announced  bigint      -- others through here may have been handed out
)
language plpgsql
security definer
set search_path = eventstore, pg_temp
set enable_seqscan = off
set jit = off -- for which a plan without sequential scans looks expensive
as $function$
#variable_conflict use_column
declare
    mine  subscriptions;
    head  bigint;
    here  streams;
    there uuid;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'a subscription is taken in a READ COMMITTED transaction' using errcode = '25008';
    end if;
    taken := false;
    truncated := false;
    -- First without a lock, then with it.
    for is_locked in 0 .. 1 loop
        if is_locked = 0 then
            select s.* into mine from subscriptions as s where s.stream = stream_name and s.name = subscription;
        else
            select s.* into mine from subscriptions as s where s.stream = stream_name and s.name = subscription
            for update;
            if not found then
                raise exception 'the subscription was deleted at this very moment' using errcode = '40001';
            end if;
        end if;
        if found then
            id := mine.subscription_id;
            epoch := mine.epoch;
            beat := mine.beat;
            owners_lease_ms := coalesce(extract(epoch from mine.lease) * 1000, 0)::bigint;
            -- A clock that was set back says nothing: whoever is patient watches the beat.
            if mine.owner is not null and mine.owner <> new_owner
                and clock_timestamp() <= mine.renewed_at + mine.lease
                and (stalled is null or stalled[1] <> mine.subscription_id or stalled[2] <> mine.epoch
                    or stalled[3] <> mine.beat)
            then
                return;
            end if;
            continue when is_locked = 0;
        end if;
        exit when is_locked = 1;

        select s.* into here from streams as s where s.name = stream_name;
        select greatest(l.floor, (select e.position from events as e order by e.position desc limit 1))
        into head from log_state as l;
        insert into subscriptions as s (stream, name, position, version, stream_id)
        values (
            stream_name, subscription,
            case
                when stream_name = '$all' then coalesce(start, head)
                else coalesce((
                    select e.position from events as e
                    where e.stream_id = here.stream_id and e.stream_version = coalesce(start, here.version)), 0)
            end,
            case when stream_name = '$all' then 0 else coalesce(start, here.version, 0) end,
            here.stream_id)
        on conflict on constraint subscriptions_stream_name_key do nothing;
    end loop;

    seen_timeline := timeline();
    select greatest(l.floor, (select e.position from events as e order by e.position desc limit 1))
    into head from log_state as l;
    select s.* into here from streams as s where s.name = stream_name;
    seen_stream := here.stream_id;
    checkpoint_position := mine.position;
    checkpoint_event := mine.event_id;
    if mine.event_id is not null then
        select e.event_id into there from events as e where e.position = mine.position;
        truncated := (found and there <> mine.event_id) or mine.position > head;
        if truncated then
            return;
        end if;
    end if;
    -- A version is of one life of the stream. One that began behind the checkpoint is another life: positions only grow.
    if here.stream_id <> mine.stream_id
        or (mine.stream_id is null and here.stream_id is not null and mine.version > 0 and mine.position > 0
            -- The first event that is left: those before it may have been scavenged.
            and exists (
                select
                from (
                    select e.stream_version, e.position from events as e
                    where e.stream_id = here.stream_id
                    order by e.stream_version
                    limit 1
                ) as e
                where e.stream_version <= mine.version and e.position > mine.position))
    then
        mine.version := 0;
    end if;
    update subscriptions as s
    set epoch      = s.epoch + 1,
        owner      = new_owner,
        owner_text = owner_name,
        beat       = s.beat + 1,
        renewed_at = clock_timestamp(),
        lease      = lease_ms * interval '1 millisecond',
        version    = mine.version,
        stream_id  = coalesce(here.stream_id, s.stream_id)
    where s.subscription_id = mine.subscription_id
    returning s.epoch, s.beat, s.version, s.deliveries, s.delivered, s.announced
    into epoch, beat, checkpoint_version, deliveries, delivered, announced;
    replays := exists (select from parked_events as p where p.subscription_id = mine.subscription_id and p.replay);
    taken := true;
end
$function$;

revoke execute on function eventstore.claim_subscription from public;
