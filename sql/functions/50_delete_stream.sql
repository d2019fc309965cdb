-- Deletes a stream, softly or for good. Returns {outcome, version, stream id}; the outcomes are those of append_events:
-- 0 deleted, 2 wrong version, 3 stream exists (where none was expected), 4 stream not found, 5 stream deleted.
--
-- The call can be repeated: an id of its own tells that an earlier attempt was carried out.
create or replace function eventstore.delete_stream(
    stream_name text,
    expected    bigint,  -- an exact version, 0 = no stream, -1 = any version, -2 = the stream exists
    for_good    boolean,
    call_id     uuid,
    own         regclass default 'eventstore.log_state'::regclass -- see refuse_schema
)
returns bigint[]
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    here      streams;
    privilege text;
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
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
        -- In the body, and not a SET clause of the function: only a superuser may make one of a setting that is not built in.
        privilege := coalesce(current_setting('eventstore.hard_delete', true), '');
        -- No position is given out twice, even if the end of the log goes.
        update log_state set floor = greatest(
            floor, (select e.position from events as e order by e.position desc limit 1));
        perform set_config('eventstore.hard_delete', 'tombstone', true);
        update streams as s set name = pg_catalog.concat('$deleted ', s.stream_id) where s.stream_id = here.stream_id;
        perform set_config('eventstore.hard_delete', privilege, true);
        -- Its own retention is not for the next stream of this name.
        delete from retentions as r where not r.is_prefix and r.name = stream_name;
        if found then
            perform note_retained_names();
        end if;
    end if;
    update streams as s set deleted_at = clock_timestamp(), deletion = call_id where s.stream_id = here.stream_id;
    return array[0, here.version, here.stream_id];
end
$function$;

-- Brings a stream back that was deleted softly, and tells its subscribers. Returns false if there is none of that name;
-- one that is not deleted stays as it is.
create or replace function eventstore.restore_stream(stream_name text, own regclass default 'eventstore.log_state'::regclass)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    here streams;
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
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
        perform tell_followers(pg_catalog.concat('restored ', here.stream_id));
    end if;
    return true;
end
$function$;

revoke execute on function eventstore.delete_stream, eventstore.restore_stream from public;
