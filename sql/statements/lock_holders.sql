-- Who holds the lock of the log, when an append waited for it in vain.
select a.pid::text, coalesce(a.application_name, ''), coalesce(a.state, ''),
    coalesce(extract(epoch from clock_timestamp() - a.xact_start)::bigint::text, '?')
from pg_locks as l
join pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'advisory'
  and l.granted
  and l.database = (select d.oid from pg_database as d where d.datname = current_database())
  and (l.classid::bigint << 32 | l.objid::bigint) = 'eventstore.log_state'::regclass::bigint + 7311000000000000000
  and l.objsubid = 1
limit 1
