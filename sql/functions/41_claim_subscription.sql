-- Takes a subscription, which is made if there is none. It is free if nobody has it, if its owner has let the lease pass,
-- by the clock of the server, or if the caller has watched `beat` stand still for the time of the lease (the clock of the
-- server may have been set back).
create or replace function eventstore.claim_subscription(
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
set jit = off -- for which a plan without sequential scans looks expensive
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

revoke execute on function eventstore.claim_subscription from public;
