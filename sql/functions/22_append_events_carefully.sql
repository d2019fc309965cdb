-- The careful way of append_events, taken when something is out of the ordinary: an event id that is stored already, a
-- version that does not match, a stream that does not exist, a link. Judges each append by itself, in order, in memory;
-- then writes those that passed, in bulk. Called with the log's lock held; see append_events for parameters and result.
create or replace function eventstore.append_events_carefully(
    stream_names    text[],
    stream_created  timestamptz[],
    append_stream   integer[],
    append_expected bigint[],
    append_size     integer[],
    append_is_retry boolean[],
    event_stream    integer[],
    event_ids       uuid[],
    event_types     text[],
    event_data      bytea[], -- bytea
    event_metadata  bytea[], -- bytea
--jsonb     event_data      jsonb[],
--jsonb     event_metadata  jsonb[],
    correlations    uuid[],
    causations      uuid[],
    created         timestamptz[],
    event_links     uuid[],
    append_unit     integer[],
    largest         bigint,
    refused         bigint[], -- for each event: why it is no jsonb; null = none is refused
    head            bigint,
    clock           timestamptz,
    append_after    uuid[]
)
returns bigint[]
language plpgsql
security definer
set search_path = eventstore, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = on -- which append_events puts off
set enable_mergejoin = on
set jit = off
as $function$
declare
    appends         constant integer := pg_catalog.cardinality(append_stream);
    events_         constant integer := pg_catalog.cardinality(event_ids);
    ids             bigint[];  -- for each group: the stream's id, null if there is none
    versions        bigint[];  -- its version, moving on with each append that passes
    deleted         boolean[];
    last_events     uuid[];    -- its last event, moving on as well; not looked for if no append names one
    last_before     uuid[];    -- for each append: the last event of its stream before it
    found_stream    bigint[];  -- for each event whose id is stored already: where
    found_version   bigint[];
    found_position  bigint[];
    found_created   bigint[];
    twin            integer[]; -- for each event: the first event of this call with the same id
    same_before     integer[]; -- ... and the last one before it
    placed_stream   integer[] := pg_catalog.array_fill(null::integer, array[events_]); -- by twin: where an append of this call
    placed_version  bigint[] := pg_catalog.array_fill(null::bigint, array[events_]);   -- has put this id
    placed_position bigint[] := pg_catalog.array_fill(null::bigint, array[events_]);
    new_version     bigint[] := pg_catalog.array_fill(null::bigint, array[events_]);
    new_position    bigint[] := pg_catalog.array_fill(null::bigint, array[events_]);
    new_link        bigint[] := pg_catalog.array_fill(null::bigint, array[events_]);

    placed_at       integer[] := pg_catalog.array_fill(null::integer, array[events_]); -- ... and at which event

    -- For each link: the event that it links to. It is stored (its position, its type, the stream that it is in), or it
    -- is one of this call, which is known by its twin: whichever append with that id passes is meant.
    original        bigint[] := pg_catalog.array_fill(null::bigint, array[events_]);
    original_type   text[] := pg_catalog.array_fill(null::text, array[events_]);
    own_original    integer[];
    is_linked       boolean[]; -- the stream has it already
    -- A number for what is linked to: of a stored event the first link of this call to it, of one of this call its twin,
    -- behind all of those. For each number the last link that was made, and for each link the one before it.
    root            integer[];
    last_link       integer[];
    link_before     integer[];
    source          integer[] := pg_catalog.array_fill(null::integer, array[events_]); -- the event of this call that a link is to
    other           integer;

    event_bytes     integer[];
    bad_event       integer; -- of the append: the first event that cannot be stored
    next_position   bigint := head;
    outcomes        integer[] := pg_catalog.array_fill(0, array[appends]);
    actual          bigint[] := pg_catalog.array_fill(0::bigint, array[appends]); -- the version that each append has found
    bad_place       bigint[] := pg_catalog.array_fill(null::bigint, array[appends]);
    bad_reason      bigint[] := pg_catalog.array_fill(null::bigint, array[appends]);
    first_event     integer[] := pg_catalog.array_fill(0, array[appends]); -- the place before each append's first event
    unit_first      integer := 1; -- the first append of its unit
    is_unit_lost    boolean := false;
    answer          bigint[] := pg_catalog.array_fill(null::bigint, array[4 + 6 * appends]);
    at              integer;
    stream          integer;
    expected        bigint;
    first           integer := 1; -- the append's first event
    stored          bigint;       -- how many of its events are stored
    is_run          boolean;      -- they are the whole append, in this stream, in order
    repeats_id      boolean;      -- an id is in it more than once
    outcome         integer;
begin
    select
        pg_catalog.array_agg(s.stream_id order by n.place),
        pg_catalog.array_agg(coalesce(s.version, 0) order by n.place),
        pg_catalog.array_agg(s.deleted_at is not null order by n.place)
    into ids, versions, deleted
    from (select pg_catalog.unnest(stream_names) as name, pg_catalog.generate_subscripts(stream_names, 1) as place) as n
    left join streams as s on s.name = n.name;

    if append_after is not null then
        select pg_catalog.array_agg(e.event_id order by n.place)
        into last_events
        from (select pg_catalog.generate_subscripts(stream_names, 1) as place) as n
        left join events as e on e.stream_id = ids[n.place] and e.stream_version = versions[n.place];
    end if;

    select
        pg_catalog.array_agg(e.stream_id order by n.place),
        pg_catalog.array_agg(e.stream_version order by n.place),
        pg_catalog.array_agg(e.position order by n.place),
        pg_catalog.array_agg((extract(epoch from e.created_at) * 1000000.0)::bigint order by n.place),
        pg_catalog.array_agg(n.twin order by n.place),
        pg_catalog.array_agg(n.same_before order by n.place)
    into found_stream, found_version, found_position, found_created, twin, same_before
    from (
        select i.event_id, i.place, min(i.place) over same as twin, pg_catalog.lag(i.place) over same as same_before
        from (select pg_catalog.unnest(event_ids) as event_id, pg_catalog.generate_subscripts(event_ids, 1) as place) as i
        window same as (partition by i.event_id order by i.place)
    ) as n
    left join events as e on e.event_id = n.event_id;

    if event_links is not null then
        -- If the row of the log is to be written, it is locked before the events, as by those who remove events.
        perform from log_state as l where l.largest_event < largest for no key update;
        -- Who removes one of these waits, and finds the link; or has removed it, and it is not found any more.
        perform from events as o
        where o.position = any (array(
            select coalesce(e.link_to, e.position) from events as e where e.event_id = any (event_links)))
        order by o.position
        for key share;
        select
            pg_catalog.array_agg(n.original order by n.place),
            pg_catalog.array_agg(n.type order by n.place),
            pg_catalog.array_agg(n.own order by n.place),
            pg_catalog.array_agg(
                n.original is not null and (
                    coalesce(n.original_stream = ids[event_stream[n.place]], false) or exists (
                        select from events as l
                        where l.link_to = n.original and l.stream_id = ids[event_stream[n.place]]))
                order by n.place),
            pg_catalog.array_agg(n.root order by n.place)
        into original, original_type, own_original, is_linked, root
        from (
            select
                l.place,
                o.position as original,
                o.type,
                o.stream_id as original_stream,
                own.twin as own,
                case when o.position is not null then min(l.place) over (partition by o.position) end as root
            from (
                select
                    pg_catalog.unnest(event_links) as event_id,
                    pg_catalog.generate_subscripts(event_links, 1) as place
            ) as l
            left join events as e on e.event_id = l.event_id
            -- A link to a link is one to its original. What is being deleted for good cannot be linked to any more.
            left join events as o
                on o.position = coalesce(e.link_to, e.position)
                and not exists (
                    select from streams as s where s.stream_id = o.stream_id and starts_with(s.name, '$deleted '))
            left join (
                select i.event_id, min(i.place) as twin
                from (
                    select
                        pg_catalog.unnest(event_ids) as event_id,
                        pg_catalog.generate_subscripts(event_ids, 1) as place
                ) as i
                group by i.event_id
            ) as own on own.event_id = l.event_id
        ) as n;
        last_link := pg_catalog.array_fill(null::integer, array[2 * events_]);
        link_before := pg_catalog.array_fill(null::integer, array[events_]);
    end if;

    if largest > 67108864 then
        select pg_catalog.array_agg(payload_size(e.data, coalesce(e.metadata, ''))) -- bytea
--jsonb         select pg_catalog.array_agg(payload_size(e.data, e.metadata))
        into event_bytes
        from (select pg_catalog.unnest(event_data) as data, pg_catalog.unnest(event_metadata) as metadata) as e;
    end if;
    if (
        select pg_catalog.count(distinct n.name) < pg_catalog.cardinality(stream_names)
            or not bool_and(octet_length(n.name) between 1 and 512 and not starts_with(n.name, '$'))
        from (select pg_catalog.unnest(stream_names) as name) as n
    ) then
        perform refuse_arguments(pg_catalog.cardinality(stream_names), appends, events_);
    end if;

    for a in 1 .. appends loop
        if append_unit is null or a = 1 or append_unit[a] <> append_unit[a - 1] then
            unit_first := a;
            is_unit_lost := false;
        end if;
        first_event[a] := first - 1;
        if is_unit_lost then
            outcomes[a] := 7;
            first := first + append_size[a];
            continue;
        end if;

        stream := append_stream[a];
        expected := append_expected[a];
        stored := 0;
        is_run := true;
        repeats_id := false;
        for i in first .. first + append_size[a] - 1 loop
            if same_before[i] >= first then
                repeats_id := true;
            end if;
            if found_position[i] is null and placed_position[twin[i]] is not null then
                -- Appended a moment ago, by an earlier append of this call. Its stream may be too new to have an id.
                found_position[i] := placed_position[twin[i]];
                found_version[i] := placed_version[twin[i]];
                is_run := is_run and placed_stream[twin[i]] = stream;
            elsif found_position[i] is not null then
                is_run := is_run and found_stream[i] = ids[stream];
            end if;
            if found_position[i] is not null then
                stored := stored + 1;
                is_run := is_run and found_version[i] = found_version[first] + (i - first);
            end if;
        end loop;
        is_run := coalesce(is_run and stored = append_size[a], false);

        if is_run and (append_is_retry[a] or not deleted[stream]) then
            outcome := 1;
            -- A transaction that writes nothing would not wait for a synchronous standby, and so could acknowledge
            -- what the standby does not have yet.
            perform 1 from streams as s where s.stream_id = ids[stream] for update;
        elsif deleted[stream] then
            outcome := 5;
        elsif stored > 0 or repeats_id then
            outcome := 6;
        elsif expected = -2 and versions[stream] = 0 then
            outcome := 4;
        elsif expected = 0 and versions[stream] > 0 then
            outcome := 3;
        elsif expected >= 0 and versions[stream] <> expected then
            outcome := 2;
        elsif append_after[a] is distinct from last_events[stream] and append_after[a] is not null then
            outcome := 2;
        else
            outcome := 0;
        end if;

        bad_event := null;
        if outcome = 0 and (event_bytes is not null or refused is not null) then
            for i in first .. first + append_size[a] - 1 loop
                if refused[i] is not null then
                    outcome := 10;
                elsif event_bytes[i] > 67108864 then
                    outcome := 9;
                end if;
                if outcome <> 0 then
                    bad_event := i;
                    exit;
                end if;
            end loop;
        end if;

        actual[a] := versions[stream];

        if outcome = 0 and event_links is not null then
            for i in first .. first + append_size[a] - 1 loop
                continue when event_links[i] is null;
                if original[i] is not null then
                    new_link[i] := original[i];
                elsif placed_at[own_original[i]] is null then
                    outcome := 8;
                    exit;
                else
                    other := placed_at[own_original[i]];
                    if new_link[other] is null then -- an event of this call
                        new_link[i] := new_position[other];
                        root[i] := events_ + own_original[i];
                        source[i] := other;
                        is_linked[i] := placed_stream[own_original[i]] = stream;
                    else -- a link of this call: what it links to
                        new_link[i] := new_link[other];
                        root[i] := root[other];
                        source[i] := source[other];
                        original_type[i] := original_type[other];
                        is_linked[i] := case
                            when source[i] is not null then event_stream[source[i]] = stream
                            else exists (
                                select from events as e
                                where e.position = new_link[i] and e.stream_id = ids[stream]
                            ) or exists (
                                select from events as e where e.link_to = new_link[i] and e.stream_id = ids[stream])
                        end;
                    end if;
                end if;
                other := last_link[root[i]];
                while other is not null and not is_linked[i] loop
                    is_linked[i] := event_stream[other] = stream;
                    other := link_before[other];
                end loop;
                if is_linked[i] then
                    outcome := 6;
                    exit;
                end if;
                link_before[i] := last_link[root[i]];
                last_link[root[i]] := i;
            end loop;
            if outcome <> 0 then
                -- No link of this append is made: from the last to the first.
                for i in reverse first + append_size[a] - 1 .. first loop
                    if last_link[root[i]] = i then
                        last_link[root[i]] := link_before[i];
                    end if;
                    new_link[i] := null;
                end loop;
            end if;
        end if;

        if outcome = 0 then
            for i in first .. first + append_size[a] - 1 loop
                next_position := next_position + 1;
                new_position[i] := next_position;
                new_version[i] := versions[stream] + 1 + (i - first);
                placed_stream[twin[i]] := stream;
                placed_version[twin[i]] := new_version[i];
                placed_position[twin[i]] := next_position;
                placed_at[twin[i]] := i;
            end loop;
            versions[stream] := versions[stream] + append_size[a];
            if append_after is not null then
                last_before[a] := last_events[stream];
                last_events[stream] := event_ids[first + append_size[a] - 1];
            end if;
        end if;
        outcomes[a] := outcome;
        if outcome in (9, 10) then
            bad_place[a] := bad_event - first + 1;
            bad_reason[a] := coalesce(refused[bad_event], event_bytes[bad_event]);
        end if;

        -- A unit of which one part is stored already, and another one new, is no repetition of an earlier call.
        if a > unit_first and outcome in (0, 1) and outcome <> outcomes[a - 1] then
            outcome := 6;
            if outcomes[a] = 0 then
                outcomes[a - 1] := 6; -- the part that is there, and should not be
            else
                outcomes[a] := 6;
            end if;
        end if;

        if outcome > 1 and append_unit is not null then
            -- Its unit is lost: what of it was placed is taken back, from the last to the first.
            is_unit_lost := true;
            for b in reverse a .. unit_first loop
                if new_position[first_event[b] + 1] is not null then
                    for i in reverse first_event[b] + append_size[b] .. first_event[b] + 1 loop
                        next_position := next_position - 1;
                        new_position[i] := null;
                        placed_stream[twin[i]] := null;
                        placed_version[twin[i]] := null;
                        placed_position[twin[i]] := null;
                        placed_at[twin[i]] := null;
                        if new_link[i] is not null then
                            last_link[root[i]] := link_before[i];
                            new_link[i] := null;
                        end if;
                    end loop;
                    versions[append_stream[b]] := versions[append_stream[b]] - append_size[b];
                    if append_after is not null then
                        last_events[append_stream[b]] := last_before[b];
                    end if;
                end if;
                if outcomes[b] <= 1 then
                    outcomes[b] := 7;
                end if;
            end loop;
        end if;
        first := first + append_size[a];
    end loop;

    if next_position > head then
        -- Rows that came by another way than the functions (a replication) have left the sequence of the ids behind.
        perform setval('streams_stream_id_seq'::regclass, newest.stream_id)
        from (select s.stream_id from streams as s order by s.stream_id desc limit 1) as newest
        where newest.stream_id > coalesce(pg_sequence_last_value('streams_stream_id_seq'::regclass), 0);

        with made as (
            insert into streams (name, version, created_at)
            select stream_names[n], versions[n], coalesce(stream_created[n], clock)
            from pg_catalog.generate_subscripts(stream_names, 1) as n
            where ids[n] is null and versions[n] > 0
            returning name, stream_id
        )
        select pg_catalog.array_agg(coalesce(ids[n], m.stream_id) order by n)
        into ids
        from pg_catalog.generate_subscripts(stream_names, 1) as n
        left join made as m on m.name = stream_names[n];

        update streams as s
        set version = versions[n]
        from pg_catalog.generate_subscripts(stream_names, 1) as n
        where s.stream_id = ids[n] and s.version <> versions[n];

        insert into events
            (position, stream_id, stream_version, created_at,
             event_id, correlation_id, causation_id, type, data, metadata,
             link_to, link_stream_id, link_version, link_event_id, link_created_at)
        select
            new_position[n], ids[event_stream[n]], new_version[n], coalesce(created[n], clock),
            event_ids[n],
            coalesce(correlations[n], o.correlation_id, correlations[own.place]),
            coalesce(causations[n], o.causation_id, causations[own.place]),
            case when new_link[n] is null then event_types[n] else coalesce(original_type[n], event_types[source[n]]) end,
            coalesce(o.data, event_data[own.place], case when new_link[n] is null then event_data[n] end, ''), -- bytea
            coalesce(o.metadata, event_metadata[own.place], case when new_link[n] is null then event_metadata[n] end, ''), -- bytea
--jsonb             coalesce(o.data, event_data[own.place], case when new_link[n] is null then event_data[n] end),
--jsonb             coalesce(o.metadata, event_metadata[own.place], case when new_link[n] is null then event_metadata[n] end),
            new_link[n],
            coalesce(o.stream_id, ids[event_stream[own.place]]),
            coalesce(o.stream_version, new_version[own.place]),
            coalesce(o.event_id, event_ids[own.place]),
            coalesce(o.created_at, case when own.place is not null then coalesce(created[own.place], clock) end)
        from pg_catalog.generate_subscripts(event_ids, 1) as n
        -- The originals of links, where they are small. One of this very call cannot be seen here.
        left join events as o
            on o.position = new_link[n] and payload_size(o.data, o.metadata) <= 2000
        cross join lateral (
            select case
                when payload_size(event_data[source[n]], coalesce(event_metadata[source[n]], '')) <= 2000 -- bytea
--jsonb                 when payload_size(event_data[source[n]], event_metadata[source[n]]) <= 2000
                    and source[n] is not null
                then source[n]
            end as place
        ) as own
        where new_position[n] is not null
            and (new_link[n] is not null or octet_length(event_types[n]) between 1 and 512);
        get diagnostics stored = row_count;
        if stored <> next_position - head then
            perform refuse_arguments(pg_catalog.cardinality(stream_names), appends, events_);
        end if;

        if exists (select from log_state as l where l.largest_event < largest or (l.largest_event is null and head = 0)) then
            select max(payload_size(event_data[n], coalesce(event_metadata[n], ''))) into largest -- bytea
--jsonb             select max(payload_size(event_data[n], event_metadata[n])) into largest
            from pg_catalog.generate_subscripts(event_ids, 1) as n
            where new_position[n] is not null;
            update log_state set largest_event = greatest(largest, largest_event, 4096);
        end if;
    end if;

    answer[1] := 1;
    answer[2] := head;
    answer[3] := (extract(epoch from clock) * 1000000.0)::bigint;
    answer[4] := timeline();
    at := 4;
    for a in 1 .. appends loop
        first := first_event[a] + 1;
        answer[at + 1] := outcomes[a];
        if outcomes[a] = 0 then
            answer[at + 2] := new_version[first];
            answer[at + 3] := new_position[first];
        elsif outcomes[a] = 1 then
            answer[at + 2] := found_version[first];
            answer[at + 3] := found_position[first];
            answer[at + 5] := found_created[first + append_size[a] - 1];
            answer[at + 6] := found_position[first + append_size[a] - 1];
        elsif outcomes[a] in (9, 10) then
            answer[at + 2] := bad_place[a];
            answer[at + 3] := bad_reason[a];
        end if;
        answer[at + 4] := actual[a];
        at := at + 6;
    end loop;
    return answer;
end
$function$;

revoke execute on function eventstore.append_events_carefully from public;
