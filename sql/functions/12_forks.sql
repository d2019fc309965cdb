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

-- Whether the log still holds what was seen at a position in a history, and before it.
create or replace function eventstore.is_held(seen_timeline integer, seen_position bigint)
returns boolean
language sql
stable
as $function$
    select seen_timeline <= eventstore.timeline()
        and seen_position <= greatest(
            l.floor, (select e.position from eventstore.events as e order by e.position desc limit 1))
        and not exists (
            select from eventstore.forks as f
            where f.timeline > seen_timeline and f.timeline <= eventstore.timeline() and f.head < seen_position)
    from eventstore.log_state as l
$function$;

revoke execute on function eventstore.record_fork from public;
