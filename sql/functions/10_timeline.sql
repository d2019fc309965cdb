-- The history that the server is on: it gets a new number with each promotion of a standby. Positions are only comparable
-- within one, as far as the others have not lost anything: after an asynchronous fail-over, the end of the log is gone,
-- and the positions of its events are given out again. 0 on a standby, which cannot tell.
--
-- The functions in SQL have no SET clause, so that they are expanded where they are called, under whatever search_path:
-- each name in them is qualified, operators included.
create or replace function eventstore.timeline()
returns integer
language sql
as $function$
    select case
        when pg_catalog.pg_is_in_recovery() then 0
        else ('x' operator (pg_catalog.||) pg_catalog.substr(
            pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::integer
    end
$function$;
