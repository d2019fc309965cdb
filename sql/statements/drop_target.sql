-- What a schema is, before it is dropped: one row, or none if there is no schema of that name.
--   $1 the name of the schema, as a literal
select
    -- Other programs have tables of these names, too: both must be there, with columns that only ours have.
    exists (
        select from pg_class as m
        join pg_attribute as a on a.attrelid = m.oid and a.attname = 'version' and a.atttypid = 'integer'::regtype
        where m.relnamespace = n.oid and m.relname = 'schema_migrations' and m.relkind = 'r')
    and exists (
        select from pg_class as l
        join pg_attribute as a on a.attrelid = l.oid and a.attname = 'largest_event'
        where l.relnamespace = n.oid and l.relname = 'log_state' and l.relkind = 'r') as is_store,
    pg_has_role(n.nspowner, 'USAGE') as is_own,
    pg_get_userbyid(n.nspowner)::text as owner,
    -- Tables that are none of a store's: they would go, too.
    coalesce((
        select string_agg(quote_ident(c.relname), ', ' order by c.relname)
        from pg_class as c
        where c.relnamespace = n.oid
          and c.relkind in ('r', 'p', 'v', 'm', 'f')
          and c.relname not in (
              'events', 'streams', 'log_state', 'forks', 'subscriptions', 'parked_events', 'snapshots', 'projections', 'retentions',
              'schema_migrations')
    ), '') as others,
    -- Views of other schemas, and tables with references: they would go, too, or lose those.
    coalesce((
        select string_agg(distinct d.name, ', ' order by d.name)
        from (
            select v.oid::regclass::text as name
            from pg_class as c
            join pg_depend as r on r.refclassid = 'pg_class'::regclass and r.refobjid = c.oid and r.classid = 'pg_rewrite'::regclass
            join pg_rewrite as w on w.oid = r.objid
            join pg_class as v on v.oid = w.ev_class
            where c.relnamespace = n.oid and v.relnamespace <> n.oid
            union all
            select k.conrelid::regclass::text
            from pg_class as c
            join pg_constraint as k on k.confrelid = c.oid
            join pg_class as t on t.oid = k.conrelid
            where c.relnamespace = n.oid and t.relnamespace <> n.oid
        ) as d
    ), '') as dependents,
    -- Sessions that have used it: the statements of a store name its schema. Of other roles' sessions one may not see the
    -- statement: they count if they bear the library's name, and their role may use the schema.
    coalesce((
        select string_agg(
            concat(a.pid, ' of the role ', a.usename, case when a.application_name <> '' then ' (' || a.application_name || ')' end),
            ', ' order by a.pid)
        from pg_stat_activity as a
        where a.datname = current_database()
          and a.pid <> pg_backend_pid()
          and (
              strpos(a.query, quote_ident(n.nspname) || '.') > 0
              or strpos(a.query, '"' || replace(n.nspname, '"', '""') || '".') > 0
              or strpos(a.query, 'es_' || md5(n.nspname)) > 0
              or exists (
                  select from pg_locks as k
                  join pg_class as c on c.oid = k.relation
                  where k.pid = a.pid and c.relnamespace = n.oid)
              or (a.query = '<insufficient privilege>' and a.application_name = 'eventstore'
                  and coalesce(has_schema_privilege(a.usesysid, n.oid, 'usage'), false)))
    ), '') as sessions,
    coalesce((
        select pg_size_pretty(sum(pg_total_relation_size(c.oid))) from pg_class as c
        where c.relnamespace = n.oid and c.relkind in ('r', 'm')
    ), '0 bytes') as size,
    -- The first versions have none.
    to_regclass(quote_ident(n.nspname) || '.subscriptions') is not null as has_subscriptions
from pg_namespace as n
where n.nspname = $1
