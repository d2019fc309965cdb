-- The bytes of an event's payload, as it is read.
create or replace function eventstore.payload_size(data bytea, metadata bytea) -- bytea
--jsonb create or replace function eventstore.payload_size(data jsonb, metadata jsonb)
returns integer
language sql
immutable
as $function$
    select pg_catalog.octet_length(data) operator (pg_catalog.+) pg_catalog.octet_length(metadata) -- bytea
--jsonb     select coalesce(pg_catalog.octet_length(data::pg_catalog.text), 0)
--jsonb         operator (pg_catalog.+) coalesce(pg_catalog.octet_length(metadata::pg_catalog.text), 0)
$function$;
