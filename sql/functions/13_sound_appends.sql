-- Whether the groups, the appends and the events that append_events is given tell the same story: each event belongs to
-- the stream of its append, and event_offset counts the events of each stream from 1. None of the arrays is empty.
--
-- A part of append_events, and called by nothing else: it has no SET clause, which would cost more than its work.
create or replace function eventstore.sound_appends(
    stream_events integer[],
    append_stream integer[],
    append_size   integer[],
    event_stream  integer[],
    event_offset  integer[]
)
returns boolean
language plpgsql
as $function$
declare
    appends constant integer := pg_catalog.cardinality(append_stream);
    events_ constant integer := pg_catalog.cardinality(event_stream);
    ones    integer[];
begin
    if appends = 1 and pg_catalog.cardinality(stream_events) = 1 then
        return stream_events[1] = events_ and append_size[1] = events_ and append_stream[1] = 1
            and event_stream operator (pg_catalog.=) pg_catalog.array_fill(1, array[events_])
            and event_offset operator (pg_catalog.=) (
                select pg_catalog.array_agg(n) from pg_catalog.generate_series(1, events_) as n);
    end if;
    if appends = events_ and pg_catalog.cardinality(stream_events) = events_ then
        -- An event for each append, and a stream for each event. That none is meant twice is for the unique index to tell.
        ones := pg_catalog.array_fill(1, array[events_]);
        return event_stream operator (pg_catalog.=) append_stream and event_offset operator (pg_catalog.=) ones
            and append_size operator (pg_catalog.=) ones and stream_events operator (pg_catalog.=) ones;
    end if;
    if (select sum(n) from pg_catalog.unnest(append_size) as n) <> events_
        or (select sum(n) from pg_catalog.unnest(stream_events) as n) <> events_
    then
        return false;
    end if;
    if event_stream operator (pg_catalog.<>) (
        select pg_catalog.array_agg(e.stream)
        from (
            select append_stream[a.number] as stream, pg_catalog.generate_series(1, append_size[a.number])
            from (select pg_catalog.generate_subscripts(append_size, 1) as number) as a
        ) as e)
    then
        return false;
    end if;
    return (
        select bool_and(coalesce(e.place = e.rank and e.place <= stream_events[e.stream], false))
        from (
            select n.stream, n.place, row_number() over (partition by n.stream order by n.number) as rank
            from (
                select
                    pg_catalog.generate_subscripts(event_stream, 1) as number,
                    pg_catalog.unnest(event_stream) as stream,
                    pg_catalog.unnest(event_offset) as place
            ) as n
        ) as e);
end
$function$;

create or replace function eventstore.refuse_arguments(streams integer, appends integer, events integer)
returns void
language plpgsql
as $function$
begin
    raise exception 'the arguments of append_events contradict each other, or break a rule: % streams, % appends, % events',
        streams, appends, events
        using errcode = '22023',
              hint = 'Names of streams and types have 1 to 512 bytes, those of streams do not begin with a dollar sign and are given once, ids are not nil, created_at is in the years 1 to 9999, an array has the length of its kind, event_offset counts the events of each stream.';
end
$function$;

revoke execute on function eventstore.sound_appends, eventstore.refuse_arguments from public;
