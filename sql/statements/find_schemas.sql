-- The schemas of this database that hold an event store, and whether their versions may be read. Only tables count, and
-- only those of one's own roles are looked into: whatever else has the name (a view, a table with policies) would run
-- somebody else's code. Of a superuser the roles are those that it was really given, and other superusers.
with recursive mine (role) as (
    select r.oid from pg_catalog.pg_roles as r where r.rolname = current_user
    union
    select m.roleid from pg_catalog.pg_auth_members as m join mine on m.member = mine.role
)
select
    n.nspname,
    coalesce(
        pg_catalog.has_schema_privilege(n.oid, 'usage')
        and pg_catalog.has_table_privilege(m.oid, 'select')
        and (
            m.relowner in (select mine.role from mine)
            or exists (select from pg_catalog.pg_roles as r where r.oid = m.relowner and r.rolsuper)),
        false) as is_readable
from pg_catalog.pg_namespace as n
join pg_catalog.pg_class as m on m.relnamespace = n.oid and m.relname = 'schema_migrations' and m.relkind = 'r'
where n.nspname not like 'pg\_%'
  -- Other programs have tables of these names, too: both must be there, with columns that only ours have.
  and exists (
      select from pg_catalog.pg_class as l
      join pg_catalog.pg_attribute as a on a.attrelid = l.oid and a.attname = 'largest_event'
      where l.relnamespace = n.oid and l.relname = 'log_state' and l.relkind = 'r')
  and exists (
      select from pg_catalog.pg_attribute as a
      where a.attrelid = m.oid and a.attname = 'version' and a.atttypid = 'integer'::regtype)
order by n.nspname collate "C"
