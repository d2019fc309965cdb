-- Who holds what an append waits for, or has waited for in vain: one row, or none if nothing does any more. Named is a
-- session that does not wait itself, at the end of the line: that of another append may stand in between.
--   $1 the process id of the session that waits; 0 = it waits no more, or its id is not known
-- Whoever may not see the sessions of other roles gets nulls for their state and the time.
with recursive line (pid, depth) as (
    select $1::integer, 0
    union
    select blocker, w.depth + 1
    from line as w
    cross join lateral unnest(pg_blocking_pids(w.pid)) as blocker
    where w.depth < 20
), locks as materialized (
    select
        l.pid, l.granted, l.mode, l.relation,
        l.locktype = 'advisory'
            and (l.classid::bigint << 32 | l.objid::bigint) = 'eventstore.log_state'::regclass::bigint + 7311000000000000000
            and l.objsubid = 1 as is_log,
        l.locktype = 'relation'
            and l.relation in ('eventstore.events'::regclass, 'eventstore.streams'::regclass,
                'eventstore.log_state'::regclass, 'eventstore.forks'::regclass)
            and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') as is_table
    from pg_locks as l
    where l.database is null or l.database = (select d.oid from pg_database as d where d.datname = current_database())
), holders as (
    select h.pid, h.mode, h.relation, h.is_log, exists (select from line as w where w.pid = h.pid) as is_in_line
    from locks as h
    where h.granted and (h.is_log or h.is_table)
    union all
    select w.pid, null, null, false, true -- of a row
    from line as w
    where w.depth > 0
)
select
    coalesce(h.pid::text, '?'),
    coalesce(a.application_name, ''),
    a.state,
    extract(epoch from clock_timestamp() - a.xact_start)::bigint::text,
    case when h.is_log then 'log' when h.relation is not null then 'table' else 'row' end,
    coalesce((select c.relname from pg_class as c where c.oid = h.relation), ''),
    coalesce(h.mode, '')
from holders as h
left join pg_stat_activity as a on a.pid = h.pid
where h.pid is distinct from pg_backend_pid()
  and h.pid is distinct from $1
  and not exists (select from locks as own where own.pid = h.pid and not own.granted)
order by h.is_in_line desc, h.is_log desc, h.relation is not null desc, a.xact_start
limit 1
