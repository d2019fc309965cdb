-- Notes the beginning of a new history; called with the log's lock held. Returns true.
create or replace function eventstore.record_fork()
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
begin
    delete from forks where forks.timeline >= timeline(); -- of a cluster that this schema was dumped from
    insert into forks (timeline, head)
    select timeline(), greatest(l.floor, (select e.position from events as e order by e.position desc limit 1))
    from log_state as l;
    update log_state set timeline = timeline();
    return true;
end
$function$;

-- Whether the log still holds what was seen at a position in a history, and before it. The event that was seen there is
-- the proof, whatever the timelines say: a log that is restored or moved to another server may be on any. Where it is
-- gone (its stream was deleted for good), or was not given, the timelines and the forks tell.
create or replace function eventstore.is_held(seen_timeline integer, seen_position bigint, seen_event uuid default null)
returns boolean
language sql
stable
as $function$
    select coalesce(
        (
            select e.event_id operator (pg_catalog.=) seen_event
            from eventstore.events as e
            where e.position operator (pg_catalog.=) seen_position
        ),
        seen_timeline operator (pg_catalog.<=) eventstore.timeline()
        and seen_position operator (pg_catalog.<=) greatest(
            l.floor, (select e.position from eventstore.events as e order by e.position desc limit 1))
        and not exists (
            select from eventstore.forks as f
            where f.timeline operator (pg_catalog.>) seen_timeline
              and f.timeline operator (pg_catalog.<=) eventstore.timeline()
              and f.head operator (pg_catalog.<) seen_position))
    from eventstore.log_state as l
$function$;

-- Refuses an append by one who has seen what this log does not hold (ES002): it was cut back, or is another server's.
create or replace function eventstore.refuse_history(seen_position bigint, seen_event uuid)
returns void
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    head  bigint;
    there uuid;
begin
    select greatest(l.floor, (select e.position from events as e order by e.position desc limit 1))
    into head from log_state as l;
    if not found then
        raise exception 'the table log_state has no row, so that nothing can be appended'
            using errcode = '55000', hint = pg_catalog.format('Say: insert into %s default values', 'log_state'::regclass);
    end if;
    select e.event_id into there from events as e where e.position = seen_position;
    raise exception 'position % was seen with the event %, but %', seen_position, coalesce(seen_event::text, '(not known)'),
        case
            when there is null then pg_catalog.concat('the log ends at ', head)
            else pg_catalog.concat('the log holds the event ', there, ' there')
        end
        using errcode = 'ES002',
              hint = 'The end of the log is lost (a fail-over, a restored backup), or this is another server.';
end
$function$;

-- Refuses to write into another schema. A function names its schema in its text, its last parameter holds by its default
-- the table beside it, whatever the schema is called today: they differ when the schema was renamed, and another one has
-- its old name by now.
create or replace function eventstore.refuse_schema(own regclass)
returns void
language plpgsql
set search_path = eventstore, pg_temp
as $function$
begin
    raise exception 'this function belongs to the table %, and would write into another schema', own
        using errcode = '55000',
              hint = 'The schema was renamed: run `eventstore migrate` with its new name, which makes the functions for it.';
end
$function$;

revoke execute on function eventstore.record_fork, eventstore.refuse_history, eventstore.refuse_schema from public;
