-- The careful way of append_events, taken when something is out of the ordinary: an event id that is stored already, a
-- version that does not match, a stream that does not exist. Judges each append by itself, in order, in memory; then
-- writes those that passed, in bulk. Called with the log's lock held; see append_events for parameters and result.
create function eventstore.append_events_carefully(
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
    ids             bigint[];  -- for each group: the stream's id, null if there is none
    versions        bigint[];  -- its version, moving on with each append that passes
    deleted         boolean[];
    is_new          boolean[] := array_fill(false, array[cardinality(stream_names)]);
    found_stream    bigint[];  -- for each event whose id is stored already: where
    found_version   bigint[];
    found_position  bigint[];
    found_created   bigint[];
    twin            integer[]; -- for each event: the first event of this call with the same id
    placed_stream   integer[] := array_fill(null::integer, array[cardinality(event_ids)]); -- by twin: where an
    placed_version  bigint[] := array_fill(null::bigint, array[cardinality(event_ids)]);   -- append of this call
    placed_position bigint[] := array_fill(null::bigint, array[cardinality(event_ids)]);   -- has put this id
    new_version     bigint[] := array_fill(null::bigint, array[cardinality(event_ids)]);
    new_position    bigint[] := array_fill(null::bigint, array[cardinality(event_ids)]);
    next_position   bigint := head;
    answer          bigint[] := array_fill(null::bigint, array[4 + 6 * cardinality(append_stream)]);
    at              integer := 4; -- the end of what is filled in of the answer
    stream          integer;
    expected        bigint;
    first           integer := 1; -- the append's first event
    stored          integer;      -- how many of its events are stored
    is_run          boolean;      -- they are the whole append, in this stream, in order
    outcome         integer;
    first_version   bigint;
    first_position  bigint;
begin
    answer[1] := 1;
    answer[2] := head;
    answer[3] := (date_part('epoch', clock) * 1e6)::bigint;
    answer[4] := timeline();

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

    for a in 1 .. cardinality(append_stream) loop
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

        first_version := null;
        first_position := null;
        if is_run and (append_is_retry[a] or not deleted[stream]) then
            outcome := 1;
            first_version := found_version[first];
            first_position := found_position[first];
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
            first_version := versions[stream] + 1;
            first_position := next_position + 1;
            for i in first .. first + append_size[a] - 1 loop
                next_position := next_position + 1;
                new_position[i] := next_position;
                new_version[i] := first_version + (i - first);
                placed_stream[twin[i]] := stream;
                placed_version[twin[i]] := new_version[i];
                placed_position[twin[i]] := next_position;
            end loop;
            is_new[stream] := is_new[stream] or ids[stream] is null;
            versions[stream] := versions[stream] + append_size[a];
        end if;
        answer[at + 1] := outcome;
        answer[at + 2] := first_version;
        answer[at + 3] := first_position;
        answer[at + 4] := versions[stream];
        if outcome = 1 then
            answer[at + 5] := found_created[first + append_size[a] - 1];
            answer[at + 6] := found_position[first + append_size[a] - 1];
        end if;
        at := at + 6;
        first := first + append_size[a];
    end loop;

    if next_position > head then
        with made as (
            insert into streams (name, version, created_at)
            select stream_names[n], versions[n], coalesce(stream_created[n], clock)
            from generate_subscripts(stream_names, 1) as n
            where is_new[n]
            returning name, stream_id
        )
        select array_agg(coalesce(ids[n], m.stream_id) order by n)
        into ids
        from generate_subscripts(stream_names, 1) as n
        left join made as m on m.name = stream_names[n];

        update streams as s
        set version = versions[n]
        from generate_subscripts(stream_names, 1) as n
        where s.stream_id = ids[n] and not is_new[n] and s.version <> versions[n];

        insert into events
            (position, stream_id, stream_version, created_at,
             event_id, correlation_id, causation_id, type, data, metadata)
        select
            new_position[n], ids[event_stream[n]], new_version[n], coalesce(created[n], clock),
            event_ids[n], correlations[n], causations[n],
            event_types[n], event_data[n], coalesce(event_metadata[n], '')
        from generate_subscripts(event_ids, 1) as n
        where new_position[n] is not null;

        update log_state set largest_event = largest where largest_event < largest;
    end if;
    return answer;
end
$function$;

revoke execute on function eventstore.append_events_carefully from public;
