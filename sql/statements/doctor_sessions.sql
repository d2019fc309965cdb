-- Sessions with a transaction under way, and those that hold the lock of the log. Of another role's session one sees, without
-- pg_read_all_stats, that it is there, its name and how old its snapshot is.
--   $1 the table log_state as a literal: its oid is the key of the lock; it may not exist
select
    a.pid,
    coalesce(a.usename, '') as role,
    coalesce(a.application_name, '') as application,
    coalesce(a.state, '') as state,
    coalesce(extract(epoch from clock_timestamp() - a.xact_start)::bigint, -1) as age,
    coalesce(age(a.backend_xmin), -1) as xmin_age,
    a.datname = current_database() as is_here,
    exists (
        select from pg_locks as l
        where l.pid = a.pid and l.granted and l.locktype = 'advisory' and l.database = d.oid and l.objsubid = 1
          and (l.classid::bigint << 32 | l.objid::bigint) = to_regclass($1)::bigint + 7311000000000000000
    ) as holds_log,
    coalesce(a.query, '') = '<insufficient privilege>' as is_hidden,
    coalesce(a.wait_event, '') as waits_for,
    left(regexp_replace(coalesce(a.query, ''), '\s+', ' ', 'g'), 80) as query
from pg_stat_activity as a
join pg_database as d on d.datname = current_database()
where a.pid <> pg_backend_pid()
  and (a.xact_start is not null or a.backend_xmin is not null or a.query = '<insufficient privilege>')
  and coalesce(a.backend_type, 'client backend') in ('client backend', 'walsender')
  and (a.datid is not null or a.backend_xmin is not null) -- no process of the server itself
order by a.xact_start, a.pid
