-- Appends many events in one transaction: a whole flush of a store, whose appends come from many callers.
--
-- The appends are judged one by one, as if they had been sent one after the other; one that fails (its version, a
-- deleted stream, a duplicate) stores nothing and hinders none of the others. Nothing is raised for it: an exception
-- would undo the work of all. Appends of one unit stand or fall together.
--
-- The caller groups the appends by stream. A group's expected version is the one that its first exact (or no-stream)
-- append demands of the stream before the flush, else -2 if one of them wants the stream to exist, else -1. Where the
-- appends of a group contradict each other, the caller asks for the careful way at once.
--
-- Returns {0, head, created_at, timeline, base of group 1, base of group 2, ...}: everything was appended. The events have the
-- positions head + 1, head + 2, ... in the order given, and the versions base + offset of their group;
-- or {1, head, created_at, timeline, then for each append: outcome, first version, first position, version of the stream,
-- and, if it was stored already, the time and the position of its last event}.
-- created_at counts microseconds since 1970. The outcomes:
--   0 appended; 1 it was stored already, by an earlier call with the same event ids; 2 wrong version; 3 stream exists;
--   4 stream not found; 5 stream deleted; 6 duplicate event; 7 another append of its unit failed; 8 there is no event to
--   link to.
--
-- Arrays are subscripted, never joined: the planner takes every unnest for ten rows, and joins of them are quadratic.
-- unnest stands in the SELECT list, not in FROM, where it would spill large payloads to temporary files.
create or replace function eventstore.append_events(
    stream_names    text[],        -- for each group (stream): its name; the groups that expect no stream come first,
    stream_expected bigint[],      -- its expected version: exact, 0 = no stream, -1 = any version, -2 = stream exists
    stream_events   integer[],     -- its number of events
    stream_created  timestamptz[], -- when it is made: its creation time; null, or a null in it = now
    new_streams     integer,       -- how many groups expect no stream
    append_stream   integer[],     -- for each append: its group, counted from 1
    append_expected bigint[],      -- its own expected version
    append_size     integer[],     -- its number of events
    append_is_retry boolean[],     -- an earlier attempt of this very append may have been carried out
    event_stream    integer[],     -- for each event, in the order of the appends: its group
    event_offset    integer[],     -- its place in the group, counted from 1
    event_ids       uuid[],
    event_types     text[],
    event_data      bytea[],
    event_metadata  bytea[],       -- null = all empty
    correlations    uuid[],        -- null = none has one
    causations      uuid[],        -- null = none has one
    created         timestamptz[], -- null, or a null in it = now
    event_links     uuid[],        -- null = none is a link; the id of the event that it links to; only with `careful`
    append_unit     integer[],     -- null = each append by itself; those with the same number, which follow each other
    largest         bigint,        -- the bytes of the largest event's data and metadata
    careful         boolean        -- judge each append by itself from the start
)
returns bigint[]
language plpgsql
security definer
set search_path = eventstore, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $function$
declare
    head        bigint;
    clock       timestamptz := clock_timestamp();
    last_clock  timestamptz;
    clock_us    bigint;
    groups      integer := cardinality(stream_names);
    stream_ids  bigint[];
    bases       bigint[];
    changed     bigint[];
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'appending needs a READ COMMITTED transaction: above it the head of the log cannot be seen'
            using errcode = '25008';
    end if;
    perform pg_advisory_xact_lock('log_state'::regclass::bigint + 7311000000000000000);

    -- Everything from here on sees all that was committed before this lock was had. That an event is stored already is
    -- asked in the same statement: the start of a statement costs more than this answer.
    select
        greatest(last.position, log.floor),
        last.created_at,
        careful or exists (select from events as e where e.event_id = any (event_ids))
    into head, last_clock, careful
    from log_state as log
    left join lateral (select e.position, e.created_at from events as e order by e.position desc limit 1) as last on true
    where log.timeline = timeline() or record_fork();

    -- A clock that was set back by up to a minute must not show in the log.
    clock := clock_timestamp();
    if last_clock > clock and last_clock < clock + interval '1 minute' then
        clock := last_clock;
    end if;
    clock_us := (date_part('epoch', clock) * 1e6)::bigint;

    if not careful and new_streams > 0 then
        perform 1 from streams where name = any (stream_names[1:new_streams]) limit 1;
        careful := found;
    end if;

    -- The streams that should exist: all of them, or none of them stays changed.
    if not careful and new_streams < groups then
        with wanted as materialized (
            -- Numbered by a window function: a series would be taken for a thousand rows, and joined as such.
            select g.name, g.expected, g.events, new_streams + row_number() over () as place
            from (
                select
                    unnest(stream_names[new_streams + 1:]) as name,
                    unnest(stream_expected[new_streams + 1:]) as expected,
                    unnest(stream_events[new_streams + 1:]) as events
            ) as g
        ),
        moved as (
            update streams as s
            set version = s.version + w.events
            from wanted as w
            where s.name = w.name
              and s.deleted_at is null
              and (w.expected < 0 or s.version = w.expected)
            returning w.place, s.stream_id, s.version - w.events as base
        )
        select array_agg(stream_id order by place), array_agg(base order by place), array_agg(place order by place)
        into stream_ids, bases, changed
        from moved;

        if coalesce(cardinality(changed), 0) < groups - new_streams then
            careful := true;
            update streams as s
            set version = s.version - u.events
            from (select unnest(stream_ids) as stream_id, stream_events[unnest(changed)] as events) as u
            where s.stream_id = u.stream_id;
        end if;
    end if;

    if careful then
        return append_events_carefully(
            stream_names, stream_created, append_stream, append_expected, append_size, append_is_retry, event_stream, event_ids,
            event_types, event_data, event_metadata, correlations, causations, created, event_links, append_unit, largest,
            head, clock);
    end if;

    if new_streams > 0 then
        with made as (
            insert into streams (name, version, created_at)
            select n.name, n.events, coalesce(n.created_at, clock)
            from (
                select
                    unnest(stream_names[1:new_streams]) as name,
                    unnest(stream_events[1:new_streams]) as events,
                    unnest(stream_created[1:new_streams]) as created_at
            ) as n
            returning stream_id
        )
        -- Ids are drawn from their sequence in the order of the rows.
        select array_agg(stream_id order by stream_id) || stream_ids, array_fill(0::bigint, array[new_streams]) || bases
        into stream_ids, bases
        from made;
    end if;

    insert into events
        (position, stream_id, stream_version, created_at,
         event_id, correlation_id, causation_id, type, data, metadata)
    select
        head + e.number, stream_ids[e.stream], bases[e.stream] + e.place, coalesce(e.created_at, clock),
        e.event_id, e.correlation_id, e.causation_id, e.type,
        e.data, coalesce(e.metadata, '') -- bytea
--jsonb         nullif(convert_from(e.data, 'UTF8'), '')::jsonb, nullif(convert_from(e.metadata, 'UTF8'), '')::jsonb
    from (
        select
            generate_subscripts(event_ids, 1) as number,
            unnest(event_stream) as stream,
            unnest(event_offset) as place,
            unnest(created) as created_at,
            unnest(event_ids) as event_id,
            unnest(correlations) as correlation_id,
            unnest(causations) as causation_id,
            unnest(event_types) as type,
            unnest(event_data) as data,
            unnest(event_metadata) as metadata
    ) as e;

    if largest > 4096 then
        update log_state set largest_event = largest where largest_event < largest;
    end if;
    return array[0, head, clock_us, timeline()] || bases;
end
$function$;

revoke execute on function eventstore.append_events from public;
