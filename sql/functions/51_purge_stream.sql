-- Removes events of a stream that was deleted for good, oldest first, and the links to them; when none are left, its
-- tombstone. Returns how many events it has removed: 0 = all is done.
create or replace function eventstore.purge_stream(
    id   bigint,
    most integer, -- events of the stream, from 1
    own  regclass default 'eventstore.log_state'::regclass
)
returns bigint
language plpgsql
security definer
set search_path = eventstore, pg_temp
set enable_seqscan = off
set jit = off
as $function$
declare
    positions bigint[];
    privilege text;
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
    -- With none it would find none, and remove the tombstone of events that are left.
    if (most >= 1) is not true then
        raise exception 'the arguments of purge_stream are refused: % events', most
            using errcode = '22023', hint = 'One call removes 1 event or more.';
    end if;
    -- One removes events at a time: see remove_events.
    perform pg_advisory_xact_lock('retentions'::regclass::bigint + 7311000000000000000);
    perform from streams as s where s.stream_id = id and starts_with(s.name, '$deleted ') for update;
    if not found then
        return 0;
    end if;
    select pg_catalog.array_agg(p.position) into positions
    from (
        select e.position from events as e where e.stream_id = id order by e.stream_version limit most
    ) as p;
    -- See delete_stream: no SET clause.
    privilege := coalesce(current_setting('eventstore.hard_delete', true), '');
    perform set_config('eventstore.hard_delete', 'on', true);
    if positions is null then
        delete from streams as s where s.stream_id = id;
    else
        -- Streams may link to each other: whoever purges them at the same time takes the rows in one order.
        perform from events as e
        where e.position = any (positions) or e.link_to = any (positions)
        order by e.position
        for update;
        delete from events as e where e.link_to = any (positions);
        delete from events as e where e.position = any (positions);
    end if;
    perform set_config('eventstore.hard_delete', privilege, true);
    return coalesce(pg_catalog.cardinality(positions), 0);
end
$function$;

revoke execute on function eventstore.purge_stream from public;
