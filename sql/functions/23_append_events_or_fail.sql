-- Appends as a part of a caller's own transaction, right before its commit: all of them, or an error that has the whole
-- transaction rolled back. Parameters and result are those of append_events.
--
-- The error has the code ES001, and as its detail the answer of append_events, which tells what became of each append.
-- Events that are stored already are an error, too: the transaction that they came with was committed before, and what
-- else belongs to it must not be done twice.
create or replace function eventstore.append_events_or_fail(
    stream_names    text[],
    stream_expected bigint[],
    stream_events   integer[],
    stream_created  timestamptz[],
    new_streams     integer,
    append_stream   integer[],
    append_expected bigint[],
    append_size     integer[],
    append_is_retry boolean[],
    event_stream    integer[],
    event_offset    integer[],
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
    careful         boolean,
    seen_position   bigint default null,
    seen_event      uuid default null,
    append_after    uuid[] default null,
    own             regclass default 'eventstore.log_state'::regclass
)
returns bigint[]
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    answer bigint[];
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
--jsonb     begin
    answer := append_events(
        stream_names, stream_expected, stream_events, stream_created, new_streams, append_stream, append_expected,
        append_size, append_is_retry, event_stream, event_offset, event_ids, event_types, event_data, event_metadata,
        correlations, causations, created, event_links, append_unit, largest, careful,
        seen_position, seen_event, append_after);
    -- What is no JSON, or too large as such, is told like everything else that does not fit.
--jsonb     exception when data_exception or program_limit_exceeded or sqlstate 'ES003' then
--jsonb         answer := append_events(
--jsonb             stream_names, stream_expected, stream_events, stream_created, new_streams, append_stream, append_expected,
--jsonb             append_size, append_is_retry, event_stream, event_offset, event_ids, event_types, event_data, event_metadata,
--jsonb             correlations, causations, created, event_links, append_unit, largest, true,
--jsonb             seen_position, seen_event, append_after);
--jsonb     end;
    if answer[1] <> 0 then
        -- Judged one by one: the outcomes stand in every sixth place after the first four.
        for i in 1 .. (pg_catalog.cardinality(answer) - 4) / 6 loop
            if answer[6 * i - 1] <> 0 then
                raise exception 'an append does not fit: the transaction is rolled back'
                    using errcode = 'ES001', detail = answer::text;
            end if;
        end loop;
    end if;
    return answer;
end
$function$;

revoke execute on function eventstore.append_events_or_fail from public;
