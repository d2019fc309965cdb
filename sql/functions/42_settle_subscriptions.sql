-- Renews the leases of one owner's subscriptions, writes the checkpoints of those that have moved, and lets go of those
-- that have ended: for all of them in one call. Returns for each: 0 = done, 1 = it has another owner by now, 2 = it was
-- deleted, 3 = the log does not hold what its owner has seen, 4 = done, and something that was parked is to be delivered
-- again. Rows are taken in the order of the arguments: give them in the order of their ids, so that no two calls wait
-- for each other.
--
-- A backup that was restored may have the same epoch and an older checkpoint. So the row must not be behind the one that
-- its owner has read or written last; and each call, a mere renewal too, shows the event that was seen last.
create or replace function eventstore.settle_subscriptions(
    ids             bigint[],
    epochs          bigint[],
    owners          uuid[],
    from_positions  bigint[],  -- the checkpoint that the owner has read or written last
    positions       bigint[],  -- null = only renew the lease
    versions        bigint[],
    event_ids       uuid[],    -- the event at the checkpoint, where it is known
    timelines       integer[], -- the history in which its owner has seen all that it has seen
    seen_positions  bigint[],  -- how far that goes
    seen_events     uuid[],    -- the event there, where it is known
    delivery_counts integer[], -- how often events through `delivered` were handed out
    delivereds      bigint[],
    announceds      bigint[],  -- others through here may have been handed out
    releases        boolean[],
    beats           bigint[]   -- the number of this call: more than that of the one before; null = neither is the lease
                               -- renewed, nor written what is known of hand-outs
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
    answer       integer[] := pg_catalog.array_fill(0, array[pg_catalog.cardinality(ids)]);
    now_timeline constant integer := timeline();
    seen         uuid;   -- the event that stands where its owner has seen one
    seen_at      bigint; -- where that is: many have seen the same
    replaying    bigint[]; -- those with something parked that is to be delivered again
    there        uuid;   -- the event at the checkpoint
    there_stream bigint;
begin
    if now_timeline = 0 then
        raise exception 'checkpoints are not written on a standby: it may not hold yet what was seen'
            using errcode = 'read_only_sql_transaction';
    end if;
    select pg_catalog.array_agg(i.id) into replaying
    from pg_catalog.unnest(ids) as i (id)
    where exists (select from parked_events as p where p.subscription_id = i.id and p.replay);

    for i in 1 .. pg_catalog.cardinality(ids) loop
        -- The id is the proof, in whatever history. Without it the history decides.
        if seen_positions[i] is distinct from seen_at then
            seen_at := seen_positions[i];
            seen := (select e.event_id from events as e where e.position = seen_at);
        end if;
        if seen <> seen_events[i]
            or (seen_positions[i] > 0 and (seen is null or seen_events[i] is null)
                and (seen is null or timelines[i] <> now_timeline)
                and not is_held(timelines[i], seen_positions[i]))
        then
            answer[i] := 3;
            continue;
        end if;
        there := null;
        there_stream := null;
        if positions[i] is not null then
            select e.event_id, e.stream_id into there, there_stream from events as e where e.position = positions[i];
            if there <> event_ids[i] then
                answer[i] := 3;
                continue;
            end if;
        end if;

        update subscriptions as s
        set beat       = coalesce(beats[i], s.beat),
            renewed_at = case
                when releases[i] then null
                when beats[i] is null then s.renewed_at
                else clock_timestamp()
            end,
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
            deliveries = case when beats[i] is null then s.deliveries else delivery_counts[i] end,
            delivered  = case when beats[i] is null then s.delivered else delivereds[i] end,
            announced  = case when beats[i] is null then s.announced else announceds[i] end
        where s.subscription_id = ids[i] and s.epoch = epochs[i] and s.position >= from_positions[i]
            -- One that comes after a later one, which nobody waits for any more, sets nothing back.
            and (beats[i] is null or beats[i] between s.beat and s.beat + 1000000000)
            -- Let go of already: by this very call, whose answer was lost.
            and (s.owner = owners[i] or (s.owner is null and releases[i]));
        if not found then
            answer[i] := case
                when exists (select from subscriptions as s where s.subscription_id = ids[i]) then 1 else 2
            end;
        elsif releases[i] then
            perform tell_followers(pg_catalog.concat('free ', ids[i]));
        elsif ids[i] = any (replaying) then
            answer[i] := 4;
        end if;
    end loop;
    return answer;
end
$function$;

revoke execute on function eventstore.settle_subscriptions from public;
