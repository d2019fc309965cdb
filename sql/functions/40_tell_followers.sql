-- What everybody who follows the log listens to; schema names may be too long for a channel's.
create or replace function eventstore.tell_followers(message text)
returns void
language sql
security definer
set search_path = eventstore, pg_temp
as $function$
    select pg_catalog.pg_notify(pg_catalog.concat('es_', pg_catalog.md5(current_schema()::text)), message)
$function$;

revoke execute on function eventstore.tell_followers from public;
