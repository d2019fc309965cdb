-- Remembers, for the rest of the transaction, who may call the functions: one that is dropped and made anew loses that.
select pg_catalog.set_config('eventstore_migration.grants', coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
    'called', p.proname,
    'grantee', case when a.grantee = 0 then 'public' else pg_catalog.quote_ident(r.rolname) end,
    'may_grant', a.is_grantable))::text, '[]'), true)
from pg_catalog.pg_proc as p
cross join pg_catalog.aclexplode(p.proacl) as a
left join pg_catalog.pg_roles as r on r.oid = a.grantee
where p.pronamespace = (
    select c.relnamespace from pg_catalog.pg_class as c where c.oid = 'eventstore.schema_migrations'::regclass)
  and a.grantee <> p.proowner
  and (a.grantee = 0 or r.oid is not null)
