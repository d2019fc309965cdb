-- The transactions that write to Message DB now. Positions are given out before the commit: those of transactions that are
-- still open may lie below the end that can be seen.
select l.virtualtransaction as writer
from pg_catalog.pg_locks as l
where l.locktype = 'relation'
  and l.relation = 'eventstore.messages'::regclass
  and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
  and l.mode = 'RowExclusiveLock'
  and l.granted
