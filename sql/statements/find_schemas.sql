-- The schemas of this database that hold an event store, and whether their versions may be read.
select
    n.nspname,
    coalesce(has_schema_privilege(n.oid, 'usage') and has_table_privilege(m.oid, 'select'), false) as is_readable
from pg_catalog.pg_namespace as n
join pg_catalog.pg_class as m on m.relnamespace = n.oid and m.relname = 'schema_migrations'
where n.nspname not like 'pg\_%'
  -- Other programs have tables of these names, too: both must be there, with columns that only ours have.
  and exists (
      select from pg_catalog.pg_class as l
      join pg_catalog.pg_attribute as a on a.attrelid = l.oid and a.attname = 'largest_event'
      where l.relnamespace = n.oid and l.relname = 'log_state')
  and exists (
      select from pg_catalog.pg_attribute as a
      where a.attrelid = m.oid and a.attname = 'version' and a.atttypid = 'integer'::regtype)
order by n.nspname collate "C"
