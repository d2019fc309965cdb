-- Renews the leases of one owner's subscriptions, writes the checkpoints of those that have moved, and lets go of those
-- that have ended: for all of them in one call. Returns for each: 0 = done, 1 = it has another owner by now, 2 = it was
-- deleted, 3 = the log was cut back behind the checkpoint. Rows are taken in the order of the arguments: give them in
-- the order of their ids, so that no two calls wait for each other.
create or replace function eventstore.settle_subscriptions(
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
set jit = off -- for which a plan without sequential scans looks expensive
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

revoke execute on function eventstore.settle_subscriptions from public;
