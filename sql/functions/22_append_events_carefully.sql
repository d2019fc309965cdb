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
    event_data      bytea[],
    event_metadata  bytea[],
    correlations    uuid[],
    causations      uuid[],
    created         timestamptz[],
    event_links     uuid[],
    append_unit     integer[],
    largest         bigint,
    head            bigint,
    clock           timestamptz
)
returns bigint[]
language plpgsql
security definer
set search_path = eventstore, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $function$
declare
    appends         constant integer := cardinality(append_stream);
    events_         constant integer := cardinality(event_ids);
    ids             bigint[];  -- for each group: the stream's id, null if there is none
    versions        bigint[];  -- its version, moving on with each append that passes
    deleted         boolean[];
    found_stream    bigint[];  -- for each event whose id is stored already: where
    found_version   bigint[];
    found_position  bigint[];
    found_created   bigint[];
    twin            integer[]; -- for each event: the first event of this call with the same id
    placed_stream   integer[] := array_fill(null::integer, array[events_]); -- by twin: where an append of this call
    placed_version  bigint[] := array_fill(null::bigint, array[events_]);   -- has put this id
    placed_position bigint[] := array_fill(null::bigint, array[events_]);
    new_version     bigint[] := array_fill(null::bigint, array[events_]);
    new_position    bigint[] := array_fill(null::bigint, array[events_]);
    new_link        bigint[] := array_fill(null::bigint, array[events_]);

    -- For each link: the event that it links to. It is stored, or it is one of this call, which is known by its twin.
    original        bigint[] := array_fill(null::bigint, array[events_]);
    original_type   text[];
    own_original    integer[];
    is_linked       boolean[]; -- the stream has it already
    same_link       integer[]; -- the first link of this call to the same event in the same stream
    has_link        boolean[] := array_fill(false, array[events_]); -- by same_link: this call has made it

    next_position   bigint := head;
    outcomes        integer[] := array_fill(0, array[appends]);
    actual          bigint[] := array_fill(0::bigint, array[appends]); -- the version that each append has found
    first_event     integer[] := array_fill(0, array[appends]); -- the place before each append's first event
    unit_first      integer := 1; -- the first append of its unit
    is_unit_lost    boolean := false;
    answer          bigint[] := array_fill(null::bigint, array[4 + 6 * appends]);
    at              integer;
    stream          integer;
    expected        bigint;
    first           integer := 1; -- the append's first event
    stored          integer;      -- how many of its events are stored
    is_run          boolean;      -- they are the whole append, in this stream, in order
    outcome         integer;
begin
    select
        array_agg(s.stream_id order by n.place),
        array_agg(coalesce(s.version, 0) order by n.place),
        array_agg(s.deleted_at is not null order by n.place)
    into ids, versions, deleted
    from (select unnest(stream_names) as name, generate_subscripts(stream_names, 1) as place) as n
    left join streams as s on s.name = n.name;

    select
        array_agg(e.stream_id order by n.place),
        array_agg(e.stream_version order by n.place),
        array_agg(e.position order by n.place),
        array_agg((date_part('epoch', e.created_at) * 1e6)::bigint order by n.place),
        array_agg(n.twin order by n.place)
    into found_stream, found_version, found_position, found_created, twin
    from (
        select i.event_id, i.place, min(i.place) over (partition by i.event_id) as twin
        from (select unnest(event_ids) as event_id, generate_subscripts(event_ids, 1) as place) as i
    ) as n
    left join events as e on e.event_id = n.event_id;

    if event_links is not null then
        select
            array_agg(n.original order by n.place),
            array_agg(n.type order by n.place),
            array_agg(n.own order by n.place),
            array_agg(
                case
                    when n.original is null then coalesce(event_stream[n.own] = event_stream[n.place], false)
                    else coalesce(n.original_stream = ids[event_stream[n.place]], false) or exists (
                        select from events as l
                        where l.link_to = n.original and l.stream_id = ids[event_stream[n.place]])
                end
                order by n.place),
            array_agg(n.same_link order by n.place)
        into original, original_type, own_original, is_linked, same_link
        from (
            select
                l.place,
                o.position as original,
                o.type,
                o.stream_id as original_stream,
                own.place as own,
                min(l.place) over (
                    partition by event_stream[l.place], o.position, case when o.position is null then own.place end
                ) as same_link
            from (select unnest(event_links) as event_id, generate_subscripts(event_links, 1) as place) as l
            left join events as e on e.event_id = l.event_id
            -- A link to a link is one to its original. What is being deleted for good cannot be linked to any more.
            left join events as o
                on o.position = coalesce(e.link_to, e.position)
                and not exists (
                    select from streams as s where s.stream_id = o.stream_id and starts_with(s.name, '$deleted '))
            left join (
                select i.event_id, min(i.place) as place
                from (select unnest(event_ids) as event_id, generate_subscripts(event_ids, 1) as place) as i
                where event_links[i.place] is null
                group by i.event_id
            ) as own on own.event_id = l.event_id
        ) as n;
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
        for i in first .. first + append_size[a] - 1 loop
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
        elsif stored > 0 or (append_size[a] > 1 and exists (
            select from generate_series(first, first + append_size[a] - 1) as i where twin[i] >= first and twin[i] < i))
        then
            outcome := 6;
        elsif expected = -2 and versions[stream] = 0 then
            outcome := 4;
        elsif expected = 0 and versions[stream] > 0 then
            outcome := 3;
        elsif expected >= 0 and versions[stream] <> expected then
            outcome := 2;
        else
            outcome := 0;
        end if;

        actual[a] := versions[stream];

        if outcome = 0 and event_links is not null then
            for i in first .. first + append_size[a] - 1 loop
                continue when event_links[i] is null;
                new_link[i] := coalesce(original[i], placed_position[own_original[i]]);
                if new_link[i] is null then
                    outcome := 8;
                elsif is_linked[i] or has_link[same_link[i]]
                    or (same_link[i] >= first and same_link[i] < i) -- twice in this very append
                then
                    outcome := 6;
                end if;
                exit when outcome <> 0;
            end loop;
        end if;

        if outcome = 0 then
            for i in first .. first + append_size[a] - 1 loop
                next_position := next_position + 1;
                new_position[i] := next_position;
                new_version[i] := versions[stream] + 1 + (i - first);
                placed_stream[twin[i]] := stream;
                placed_version[twin[i]] := new_version[i];
                placed_position[twin[i]] := next_position;
                if new_link[i] is not null then
                    has_link[same_link[i]] := true;
                end if;
            end loop;
            versions[stream] := versions[stream] + append_size[a];
        end if;
        outcomes[a] := outcome;

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
                    for i in first_event[b] + 1 .. first_event[b] + append_size[b] loop
                        next_position := next_position - 1;
                        new_position[i] := null;
                        placed_stream[twin[i]] := null;
                        placed_version[twin[i]] := null;
                        placed_position[twin[i]] := null;
                        if new_link[i] is not null then
                            has_link[same_link[i]] := false;
                        end if;
                    end loop;
                    versions[append_stream[b]] := versions[append_stream[b]] - append_size[b];
                end if;
                if outcomes[b] <= 1 then
                    outcomes[b] := 7;
                end if;
            end loop;
        end if;
        first := first + append_size[a];
    end loop;

    if next_position > head then
        with made as (
            insert into streams (name, version, created_at)
            select stream_names[n], versions[n], coalesce(stream_created[n], clock)
            from generate_subscripts(stream_names, 1) as n
            where ids[n] is null and versions[n] > 0
            returning name, stream_id
        )
        select array_agg(coalesce(ids[n], m.stream_id) order by n)
        into ids
        from generate_subscripts(stream_names, 1) as n
        left join made as m on m.name = stream_names[n];

        update streams as s
        set version = versions[n]
        from generate_subscripts(stream_names, 1) as n
        where s.stream_id = ids[n] and s.version <> versions[n];

        insert into events
            (position, stream_id, stream_version, created_at,
             event_id, correlation_id, causation_id, type, data, metadata,
             link_to, link_stream_id, link_version, link_event_id, link_created_at)
        select
            new_position[n], ids[event_stream[n]], new_version[n], coalesce(created[n], clock),
            event_ids[n], coalesce(correlations[n], o.correlation_id), coalesce(causations[n], o.causation_id),
            case when new_link[n] is null then event_types[n] else coalesce(original_type[n], event_types[own_original[n]]) end,
            coalesce(o.data, event_data[n]), coalesce(o.metadata, event_metadata[n], ''), -- bytea
--jsonb             coalesce(o.data, nullif(convert_from(event_data[n], 'UTF8'), '')::jsonb),
--jsonb             coalesce(o.metadata, nullif(convert_from(event_metadata[n], 'UTF8'), '')::jsonb),
            new_link[n], o.stream_id, o.stream_version, o.event_id, o.created_at
        from generate_subscripts(event_ids, 1) as n
        -- The originals of links, where they are small. One of this very call cannot be seen here.
        left join events as o
            on o.position = new_link[n] and payload_size(o.data, o.metadata) <= 2000
        where new_position[n] is not null;

        update log_state set largest_event = largest where largest_event < largest;
    end if;

    answer[1] := 1;
    answer[2] := head;
    answer[3] := (date_part('epoch', clock) * 1e6)::bigint;
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
        end if;
        answer[at + 4] := actual[a];
        at := at + 6;
    end loop;
    return answer;
end
$function$;

revoke execute on function eventstore.append_events_carefully from public;
