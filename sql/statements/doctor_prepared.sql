-- Transactions that were prepared for a commit in two phases, and wait for it.
--   $1 the table log_state as a literal
select
    p.gid,
    p.owner::text,
    extract(epoch from clock_timestamp() - p.prepared)::bigint as age,
    p.database = current_database() as is_here,
    age(p.transaction) as xid_age,
    p.database = current_database() and exists (
        select from pg_locks as l
        where l.pid is null and l.granted and l.locktype = 'advisory' and l.objsubid = 1
          and (l.classid::bigint << 32 | l.objid::bigint) = to_regclass($1)::bigint + 7311000000000000000
    ) as holds_log
from pg_prepared_xacts as p
order by p.prepared
