-- For stores whose payloads are jsonb, and the careful way of append_events: the payloads of events as such, and the size
-- of the largest of them as it will be read. What the server does not take as jsonb, or cannot print, is null, and
-- `refused` tells for each event why: the SQLSTATE, as a number in base 36; null = none is refused. A store of bytes has
-- the function, and does not use it.
create or replace function eventstore.as_json(
    event_data     bytea[],
    event_metadata bytea[],
    out documents          jsonb[],
    out documents_metadata jsonb[],
    out refused            bigint[],
    out largest            bigint
)
language plpgsql
set search_path = eventstore, pg_temp
set enable_seqscan = off
set jit = off
as $function$
declare
    state text;
begin
    -- All at once. A subtransaction that writes nothing costs next to nothing.
    begin
        select
            pg_catalog.array_agg(e.document),
            case when event_metadata is not null then pg_catalog.array_agg(e.document_metadata) end,
            max(coalesce(octet_length(e.document::text), 0) + coalesce(octet_length(e.document_metadata::text), 0))
        into documents, documents_metadata, largest
        from (
            select
                nullif(convert_from(p.data, 'UTF8'), '')::jsonb as document,
                nullif(convert_from(p.metadata, 'UTF8'), '')::jsonb as document_metadata
            from (
                select pg_catalog.unnest(event_data) as data, pg_catalog.unnest(event_metadata) as metadata
            ) as p
            offset 0 -- each is converted once
        ) as e;
        return;
    exception when others then
        state := sqlstate;
    end;

    -- One by one: only those that are refused are missing.
    documents := pg_catalog.array_fill(null::jsonb, array[pg_catalog.cardinality(event_data)]);
    documents_metadata := documents;
    refused := pg_catalog.array_fill(null::bigint, array[pg_catalog.cardinality(event_data)]);
    largest := 0;
    for n in 1 .. pg_catalog.cardinality(event_data) loop
        begin
            documents[n] := nullif(convert_from(event_data[n], 'UTF8'), '')::jsonb;
            documents_metadata[n] := nullif(convert_from(event_metadata[n], 'UTF8'), '')::jsonb;
            largest := greatest(largest, coalesce(octet_length(documents[n]::text), 0)
                + coalesce(octet_length(documents_metadata[n]::text), 0));
        exception when others then
            state := sqlstate;
            documents[n] := null;
            refused[n] := 0;
            for digit in 1 .. 5 loop
                refused[n] := refused[n] * 36
                    + strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(state, digit, 1)) - 1;
            end loop;
        end;
    end loop;
end
$function$;

revoke execute on function eventstore.as_json from public;
