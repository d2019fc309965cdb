-- Appends many events in one transaction: a whole flush of a store, whose appends come from many callers.
--
-- The appends are judged one by one, as if they had been sent one after the other; one that fails (its version, a
-- deleted stream, a duplicate) stores nothing and hinders none of the others. Nothing is raised for it: an exception
-- would undo the work of all. Appends of one unit stand or fall together.
--
-- Unless it is called with `careful`, it does not look in advance for what is wrong with an event itself: an id that is stored
-- already or twice in the call (23505), data that is no JSON (class 22 or 54), an event that is too large as jsonb (ES003). It
-- raises, nothing is stored, and the caller comes again with `careful`. Looking for each id would cost an append as much as
-- entering it into the index does: that is done if one of the appends is a retry, or if the caller wants it.
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
--   0 appended; 1 it was stored already, by an earlier call with the same event ids; 2 wrong version, or, at the version
--   that was expected, another last event (the stream was deleted for good and made anew, or the log was cut back and
--   written anew); 3 stream exists;
--   4 stream not found; 5 stream deleted; 6 duplicate event; 7 another append of its unit failed; 8 there is no event to
--   link to; 9 an event is too large, as it is read back; 10 the server does not take an event's data or metadata as jsonb.
--   With 9 and 10 the second field is the event's place in its append, and the third its bytes, or the SQLSTATE as a
--   number in base 36.
--
-- The roles that may call this may not change the tables, so that all is checked that another one relies on: that the
-- groups, the appends and the events tell the same story, and what an event is.
--
-- The usual flush is an append of one event for each group, in order, none of them a retry. It is told by nulls in the place of
-- stream_events, append_stream, append_expected, append_size, append_is_retry, event_stream and event_offset: to receive an
-- array of a hundred integers costs as much as a tenth of the inserts.
--
-- Arrays are subscripted, never joined: the planner takes every unnest for ten rows, and joins of them are quadratic.
-- unnest stands in the SELECT list, not in FROM, where it would spill large payloads to temporary files.
create or replace function eventstore.append_events(
    stream_names    text[],        -- for each group (stream): its name; the groups that expect no stream come first,
    stream_expected bigint[],      -- its expected version: exact, 0 = no stream, -1 = any version, -2 = stream exists
    stream_events   integer[],     -- its number of events
    stream_created  timestamptz[], -- when it is made: its creation time; null, or a null in it = now
    new_streams     integer,       -- how many groups expect no stream
    append_stream   integer[],     -- for each append: its group, counted from 1; null = see below
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
    largest         bigint,        -- the bytes of the largest event (data and metadata), or more; null = not known
    careful         boolean,       -- judge each append by itself from the start; null = if an event's id is stored already
    seen_position   bigint default null, -- what the writer has seen of the log: if the log does not hold that, ES002 is
    seen_event      uuid default null,   -- raised, and nothing is written; null = not known
    append_after    uuid[] default null, -- for each append: the last event of its stream, besides an exact version; null,
                                         -- or a null in it = any
    own             regclass default 'eventstore.log_state'::regclass -- see refuse_schema
)
returns bigint[]
language plpgsql
security definer
set search_path = eventstore, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off -- whatever the planner takes the number of streams for
set enable_mergejoin = off
set jit = off -- for which a plan without sequential scans looks expensive
as $function$
declare
    most_bytes  constant integer := 67108864; -- of an event's data and metadata
    head        bigint;
    newest      bigint;
    newest_id   uuid;
    clock       timestamptz := clock_timestamp();
    last_clock  timestamptz;
    clock_us    bigint;
    groups      constant integer := pg_catalog.cardinality(stream_names);
    appends     constant integer := coalesce(pg_catalog.cardinality(append_stream), groups);
    events_     constant integer := pg_catalog.cardinality(event_ids);
    group_dims  constant text := pg_catalog.concat('[1:', groups, ']');
    append_dims text;
    event_dims  constant text := pg_catalog.concat('[1:', events_, ']');
    lock_taken  text;
    history     integer;
    is_sound    boolean;
    shape       integer := 0; -- of the flush: 1 = it has one stream, 2 = an event for each, 3 = an append for each, 0 = other
    firsts      bigint[];  -- shape 3: for each group, how many events come before its own
    known_bytes bigint;    -- of the largest event that the log is known to hold
    stream_ids  bigint[];
    bases       bigint[];
    stored      integer;
    refused     bigint[];  -- for each event: why it is no jsonb
--jsonb     documents          jsonb[]; -- for the careful way, as `refused`
--jsonb     documents_metadata jsonb[];
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'appending needs a READ COMMITTED transaction: above it the head of the log cannot be seen'
            using errcode = '25008';
    end if;

    is_sound := groups > 0 and appends > 0 and events_ > 0
        and pg_catalog.array_dims(stream_names) = group_dims
        and pg_catalog.array_dims(stream_expected) = group_dims
        and (stream_created is null or pg_catalog.array_dims(stream_created) = group_dims)
        and new_streams between 0 and groups
        and pg_catalog.array_dims(event_ids) = event_dims
        and pg_catalog.array_dims(event_types) = event_dims
        and pg_catalog.array_dims(event_data) = event_dims
        and (event_metadata is null or pg_catalog.array_dims(event_metadata) = event_dims)
        and (correlations is null or pg_catalog.array_dims(correlations) = event_dims)
        and (causations is null or pg_catalog.array_dims(causations) = event_dims)
        and (created is null or pg_catalog.array_dims(created) = event_dims)
        and (event_links is null or (careful and pg_catalog.array_dims(event_links) = event_dims))
        and (append_after is null or pg_catalog.array_dims(append_after) = pg_catalog.concat('[1:', appends, ']'))
        and '00000000-0000-0000-0000-000000000000'::uuid <> all (event_ids)
        and (created is null or ('0001-01-01 00:00:00+00'::timestamptz <= all (created)
            and '10000-01-01 00:00:00+00'::timestamptz > all (created)) is not false);
    -- What is not compared here is seen to when the events are inserted.
    if append_stream is null then
        is_sound := is_sound and groups = events_ and -2 <= all (stream_expected)
            and coalesce(stream_events, append_size, event_stream, event_offset, append_unit) is null
            and append_expected is null and append_is_retry is null;
    elsif is_sound then
        append_dims := pg_catalog.concat('[1:', appends, ']');
        is_sound := pg_catalog.array_dims(stream_events) = group_dims
            and pg_catalog.array_dims(append_stream) = append_dims
            and pg_catalog.array_dims(append_expected) = append_dims
            and pg_catalog.array_dims(append_size) = append_dims
            and pg_catalog.array_dims(append_is_retry) = append_dims
            and (append_unit is null or pg_catalog.array_dims(append_unit) = append_dims)
            and pg_catalog.array_dims(event_stream) = event_dims
            and pg_catalog.array_dims(event_offset) = event_dims
            and 1 <= all (append_size) and 1 <= all (stream_events) and -2 <= all (append_expected);
    end if;
    if is_sound and append_stream is not null then
        if careful then
            is_sound := sound_appends(stream_events, append_stream, append_size, event_stream, event_offset);
        elsif groups = 1 and appends in (1, events_) then
            shape := 1;
            is_sound := stream_events[1] = events_ and 1 = all (append_stream)
                and case when appends = 1 then append_size[1] = events_ else 1 = all (append_size) end;
        elsif groups = events_ then
            shape := 2;
            is_sound := append_stream operator (pg_catalog.=) event_stream
                and 1 = all (append_size) and 1 = all (stream_events);
        elsif groups = appends then
            shape := 3;
            firsts := first_events(stream_events, append_stream, append_size, events_);
            is_sound := firsts is not null;
        else
            is_sound := sound_appends(stream_events, append_stream, append_size, event_stream, event_offset);
        end if;
    end if;
    if is_sound is not true then
        perform refuse_arguments(groups, appends, events_);
    end if;

    -- In an expression, which costs less than a statement. All that comes after it sees what was committed before.
    lock_taken := pg_advisory_xact_lock('log_state'::regclass::bigint + 7311000000000000000);
    history := timeline();
    select
        greatest(last.position, log.floor),
        last.position,
        last.event_id,
        last.created_at,
        log.largest_event
    into head, newest, newest_id, last_clock, known_bytes
    from log_state as log
    left join lateral (
        select e.position, e.created_at, e.event_id from events as e order by e.position desc limit 1
    ) as last on true
    where log.timeline = history or record_fork();

    if head is null or seen_position > head or (seen_position = newest and seen_event <> newest_id) then
        perform refuse_history(seen_position, seen_event);
    elsif seen_position < newest then
        perform from events as e where e.position = seen_position and e.event_id <> seen_event;
        if found then
            perform refuse_history(seen_position, seen_event);
        end if;
    end if;

    if careful is null or (not careful and true = any (append_is_retry)) then
        careful := exists (select from events as e where e.event_id = any (event_ids));
    end if;

    if not careful and append_after is not null then
        careful := exists (
            select
            from (select pg_catalog.generate_subscripts(append_after, 1) as number) as a
            where append_after[a.number] is not null
              and not exists (
                select
                from streams as s
                join events as e on e.stream_id = s.stream_id and e.stream_version = s.version
                where s.name = stream_names[case when append_stream is null then a.number else append_stream[a.number] end]
                  and e.event_id = append_after[a.number]));
    end if;

    -- How large the events are is seen when they are inserted. Where one may be larger than all before, it is measured.
    if not careful and (largest is null or known_bytes is null or largest > known_bytes) then -- bytea
        select max(coalesce(octet_length(e.data), 0) + coalesce(octet_length(e.metadata), 0)) -- bytea
        into largest -- bytea
        from (select pg_catalog.unnest(event_data) as data, pg_catalog.unnest(event_metadata) as metadata) as e; -- bytea
        careful := largest > most_bytes; -- bytea
    end if; -- bytea

    -- A clock that was set back by up to a minute must not show in the log.
    clock := clock_timestamp();
    if last_clock > clock and last_clock < clock + interval '1 minute' then
        clock := last_clock;
    end if;
    clock_us := (extract(epoch from clock) * 1000000.0)::bigint;

    if not careful and new_streams > 0 then
        -- One of them exists, or the ids of new streams would be those of others.
        select
            exists (select from streams as s where s.name = any (stream_names[1:new_streams]))
            or (select s.stream_id from streams as s order by s.stream_id desc limit 1)
                > coalesce(pg_sequence_last_value('streams_stream_id_seq'::regclass), 0)
        into careful;
        careful := coalesce(careful, false);
    end if;

    -- The streams that should exist: all of them, or none of them stays changed.
    if not careful and new_streams < groups then
        with moved as (
            update streams as s
            set version = s.version + coalesce(stream_events[w.place], 1)
            from (select pg_catalog.generate_series(new_streams + 1, groups) as place) as w
            where w.place between new_streams + 1 and groups -- for the planner, which takes a series for a thousand rows
              and s.name = stream_names[w.place]
              and s.deleted_at is null
              and (stream_expected[w.place] < 0 or s.version = stream_expected[w.place])
            returning w.place, s.stream_id, s.version - coalesce(stream_events[w.place], 1) as base
        )
        select pg_catalog.array_agg(m.stream_id), pg_catalog.array_agg(m.base)
        into stream_ids, bases
        from (select * from moved order by place) as m;

        if coalesce(pg_catalog.cardinality(stream_ids), 0) < groups - new_streams then
            careful := true;
            update streams as s
            set version = u.base
            from (select pg_catalog.unnest(stream_ids) as stream_id, pg_catalog.unnest(bases) as base) as u
            where s.stream_id = u.stream_id;
        end if;
    end if;

    if careful then
        if append_stream is null then
            stream_events := pg_catalog.array_fill(1, array[groups]);
            append_stream := array(select pg_catalog.generate_subscripts(stream_names, 1));
            append_expected := stream_expected;
            append_size := stream_events;
            append_is_retry := pg_catalog.array_fill(false, array[groups]);
            event_stream := append_stream;
            event_offset := stream_events;
        elsif shape > 0 and sound_appends(stream_events, append_stream, append_size, event_stream, event_offset) is not true then
            perform refuse_arguments(groups, appends, events_);
        end if;
        select max(coalesce(octet_length(e.data), 0) + coalesce(octet_length(e.metadata), 0)) -- bytea
        into largest -- bytea
        from (select pg_catalog.unnest(event_data) as data, pg_catalog.unnest(event_metadata) as metadata) as e; -- bytea
--jsonb         select a.documents, a.documents_metadata, a.refused, a.largest
--jsonb         into documents, documents_metadata, refused, largest
--jsonb         from as_json(event_data, event_metadata) as a;
        return append_events_carefully(
            stream_names, stream_created, append_stream, append_expected, append_size, append_is_retry, event_stream, event_ids,
            event_types,
            event_data, event_metadata, -- bytea
--jsonb             documents, documents_metadata,
            correlations, causations, created, event_links, append_unit, largest, refused, head, clock,
            append_after);
    end if;

    if new_streams > 0 then
        with made as (
            insert into streams (name, version, created_at)
            select n.name, coalesce(n.events, 1), coalesce(n.created_at, clock)
            from (
                select
                    pg_catalog.unnest(stream_names[1:new_streams]) as name,
                    pg_catalog.unnest(stream_events[1:new_streams]) as events,
                    pg_catalog.unnest(stream_created[1:new_streams]) as created_at
            ) as n
            where octet_length(n.name) between 1 and 512 and not starts_with(n.name, '$')
            returning stream_id
        )
        -- Ids are drawn from their sequence in the order of the rows.
        select
            pg_catalog.array_agg(stream_id order by stream_id) operator (pg_catalog.||) stream_ids,
            pg_catalog.array_fill(0::bigint, array[new_streams]) operator (pg_catalog.||) bases
        into stream_ids, bases
        from made;
        if pg_catalog.cardinality(stream_ids) is distinct from groups then
            perform refuse_arguments(groups, appends, events_);
        end if;
    end if;

--jsonb     with made as (
    insert into events
        (position, stream_id, stream_version, created_at,
         event_id, correlation_id, causation_id, type, data, metadata)
    select
        head + e.number, stream_ids[e.stream], bases[e.stream] + e.place, coalesce(created[e.number], clock),
        e.event_id, correlations[e.number], causations[e.number], e.type,
        e.data, coalesce(e.metadata, '') -- bytea
--jsonb         nullif(convert_from(e.data, 'UTF8'), '')::jsonb, nullif(convert_from(e.metadata, 'UTF8'), '')::jsonb
    from (
        select
            n.number,
            case when event_stream is null then n.number else event_stream[n.number] end as stream,
            case when event_offset is null then 1 else event_offset[n.number] end as place,
            n.event_id, n.type, n.data, n.metadata
        from (
            select
                pg_catalog.generate_subscripts(event_ids, 1) as number,
                pg_catalog.unnest(event_ids) as event_id,
                pg_catalog.unnest(event_types) as type,
                pg_catalog.unnest(event_data) as data,
                pg_catalog.unnest(event_metadata) as metadata
        ) as n
    ) as e
    where octet_length(e.type) between 1 and 512
      and case shape
          when 1 then e.stream = 1 and e.place = e.number
          when 2 then e.place = 1 and e.stream between 1 and groups
          when 3 then e.place = e.number - firsts[e.stream] and e.place between 1 and stream_events[e.stream]
          else true
      end
      and octet_length(e.data) + coalesce(octet_length(e.metadata), 0) <= greatest(largest, known_bytes) -- bytea
    ; -- bytea
    get diagnostics stored = row_count; -- bytea
    -- As jsonb, a short number may become a long text: what counts is what is read.
--jsonb     returning payload_size(data, metadata) as bytes
--jsonb     )
--jsonb     select pg_catalog.count(*), max(m.bytes) into stored, largest from made as m;
    if stored <> events_ then
        perform refuse_arguments(groups, appends, events_);
    end if;
    if largest > most_bytes then
        raise exception 'an event is too large, as it is read back: % bytes', largest
            using errcode = 'ES003', hint = 'Appended carefully, the others are stored, and this one is told.';
    end if;

    if largest > known_bytes or (known_bytes is null and head = 0) then
        update log_state set largest_event = greatest(largest, 4096);
    end if;
    return array[0, head, clock_us, history] operator (pg_catalog.||) bases;
end
$function$;

revoke execute on function eventstore.append_events from public;
