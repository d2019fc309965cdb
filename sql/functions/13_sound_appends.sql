-- Whether the groups, the appends and the events that append_events is given tell the same story: each event belongs to
-- the stream of its append, and event_offset counts the events of each stream from 1. None of the arrays is empty. The
-- usual cases are seen to by append_events itself.
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
begin
    if (select sum(n) from pg_catalog.unnest(append_size) as n) <> pg_catalog.cardinality(event_stream) then
        return false; -- before a series as long as they say is made
    end if;
    return (
        select
            bool_and(coalesce(
                e.stream = e.stream_of_append and e.place = e.rank and e.place <= stream_events[e.stream], false))
            and (select sum(n) from pg_catalog.unnest(stream_events) as n) = pg_catalog.count(*)
        from (
            select n.*, row_number() over (partition by n.stream order by n.number) as rank
            from (
                select
                    pg_catalog.generate_subscripts(event_stream, 1) as number,
                    pg_catalog.unnest(event_stream) as stream,
                    pg_catalog.unnest(event_offset) as place,
                    pg_catalog.unnest(array(
                        select a.stream
                        from (
                            select
                                append_stream[s.number] as stream,
                                pg_catalog.generate_series(1, append_size[s.number])
                            from (select pg_catalog.generate_subscripts(append_size, 1) as number) as s
                        ) as a)) as stream_of_append
            ) as n
        ) as e);
end
$function$;

-- The same where each stream has one append: how many events come before those of each stream; null if the arguments
-- contradict each other.
create or replace function eventstore.first_events(
    stream_events integer[],
    append_stream integer[],
    append_size   integer[],
    events        integer
)
returns bigint[]
language plpgsql
as $function$
begin
    return (
        select case
            when bool_and(a.stream = a.rank and coalesce(a.size = stream_events[a.stream], false)) and sum(a.size) = events
            then pg_catalog.array_agg(a.before order by a.stream)
        end
        from (
            select
                n.*,
                row_number() over (order by n.stream) as rank,
                sum(n.size) over (order by n.number) - n.size as before
            from (
                select
                    pg_catalog.generate_subscripts(append_stream, 1) as number,
                    pg_catalog.unnest(append_stream) as stream,
                    pg_catalog.unnest(append_size) as size
            ) as n
        ) as a);
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

revoke execute on function eventstore.sound_appends, eventstore.first_events, eventstore.refuse_arguments from public;
