-- The bytes of an event's payload.
create or replace function eventstore.payload_size(data bytea, metadata bytea) -- bytea
--jsonb create or replace function eventstore.payload_size(data jsonb, metadata jsonb)
returns integer
language sql
immutable
as $function$
    select octet_length(data) + octet_length(metadata) -- bytea
--jsonb     select coalesce(octet_length(data::text), 0) + coalesce(octet_length(metadata::text), 0)
$function$;
