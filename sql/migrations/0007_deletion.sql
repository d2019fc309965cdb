-- Deleting streams, and bringing them back.
--
-- A soft delete hides the stream: nobody reads it or appends to it, but its events stay in the log and behind links.
--
-- A hard delete takes two steps. delete_stream frees the name, under the log's lock and quickly: the row of the stream
-- stays behind as a tombstone, named '$deleted <id>'. purge_stream then removes the events, a bounded number in each
-- transaction, without that lock, and at last the tombstone. Whoever dies in between leaves a tombstone, which the next
-- hard delete finds.

-- Deletes a stream, softly or for good. Returns {outcome, version, stream id}; the outcomes are those of append_events:
-- 0 deleted, 2 wrong version, 3 stream exists (where none was expected), 4 stream not found, 5 stream deleted.
--
-- The call can be repeated: an id of its own tells that an earlier attempt was carried out.
create function eventstore.delete_stream(
    stream_name text,
    expected    bigint,  -- an exact version, 0 = no stream, -1 = any version, -2 = the stream exists
    for_good    boolean,
    call_id     uuid
)
returns bigint[]
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    here streams;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'deleting needs a READ COMMITTED transaction: above it the head of the log cannot be seen'
            using errcode = '25008';
    end if;
    perform pg_advisory_xact_lock('log_state'::regclass::bigint + 7311000000000000000);

    -- The name may be gone by now, or even another stream's.
    select s.* into here from streams as s where s.deletion = call_id;
    if found then
        return array[0, here.version, here.stream_id];
    end if;
    select s.* into here from streams as s where s.name = stream_name;
    if not found then
        return array[4, 0, null];
    elsif here.deleted_at is not null then
        return array[5, here.version, here.stream_id];
    elsif expected = 0 then
        return array[3, here.version, here.stream_id];
    elsif expected > 0 and here.version <> expected then
        return array[2, here.version, here.stream_id];
    end if;

    if for_good then
        -- No position is given out twice, even if the end of the log goes.
        update log_state set floor = greatest(
            floor, (select e.position from events as e order by e.position desc limit 1));
    end if;
    update streams as s
    set deleted_at = clock_timestamp(),
        deletion   = call_id,
        name       = case when for_good then '$deleted ' || s.stream_id else s.name end
    where s.stream_id = here.stream_id;
    return array[0, here.version, here.stream_id];
end
$function$;

-- Finds the tombstones, whoever has left them.
create index streams_deletion_key on eventstore.streams (deletion) where deletion is not null;

-- Lists the deleted streams, in both orders. No append touches them: a stream enters them when it is deleted.
create index deleted_streams_by_name on eventstore.streams (name) where deleted_at is not null;
create index deleted_streams_by_age on eventstore.streams (stream_id) where deleted_at is not null;

-- Removes events of a stream that was deleted for good, oldest first, and the links to them; when none are left, its
-- tombstone. Returns how many events it has removed: 0 = all is done.
create function eventstore.purge_stream(id bigint, most integer)
returns bigint
language plpgsql
security definer
set search_path = eventstore, pg_temp
set enable_seqscan = off
as $function$
declare
    positions bigint[];
begin
    -- Two who purge the same stream wait for each other.
    perform from streams as s where s.stream_id = id and starts_with(s.name, '$deleted ') for update;
    if not found then
        return 0;
    end if;
    select array_agg(p.position) into positions
    from (
        select e.position from events as e where e.stream_id = id order by e.stream_version limit most
    ) as p;
    if positions is null then
        delete from streams as s where s.stream_id = id;
        return 0;
    end if;
    delete from events as e where e.link_to = any (positions);
    delete from events as e where e.position = any (positions);
    return cardinality(positions);
end
$function$;

-- Brings a stream back that was deleted softly, and tells its subscribers. Returns false if there is none of that name;
-- one that is not deleted stays as it is.
create function eventstore.restore_stream(stream_name text)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    here streams;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'restoring needs a READ COMMITTED transaction: above it the head of the log cannot be seen'
            using errcode = '25008';
    end if;
    perform pg_advisory_xact_lock('log_state'::regclass::bigint + 7311000000000000000);
    select s.* into here from streams as s where s.name = stream_name;
    if not found or starts_with(stream_name, '$') then
        return false;
    end if;
    if here.deleted_at is not null then
        update streams as s set deleted_at = null, deletion = null where s.stream_id = here.stream_id;
        perform tell_followers('restored ' || here.stream_id);
    end if;
    return true;
end
$function$;

revoke execute on function eventstore.delete_stream, eventstore.purge_stream, eventstore.restore_stream from public;
