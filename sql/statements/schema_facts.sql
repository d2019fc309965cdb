-- What a schema consists of, as texts that can be compared: kind, name, fact, owner where that is not the schema's, and what
-- PUBLIC may do with it.
--   $1 the schema, as a literal
with here as (
    select n.oid, n.nspname, n.nspowner from pg_namespace as n where n.nspname = $1
), facts as (
    select
        'table' as kind,
        c.relname::text as name,
        concat_ws(', ',
            case c.relkind
                when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view' when 'm' then 'materialized view'
                else 'foreign table'
            end,
            case when c.relpersistence = 'u' then 'unlogged' end,
            case when c.relrowsecurity then 'with row security' end,
            case when c.relhasrules and c.relkind = 'r' then 'with rules' end,
            (select concat('fillfactor ', o.option_value) from pg_options_to_table(c.reloptions) as o
            where o.option_name = 'fillfactor')) as fact,
        c.relowner as owner,
        coalesce(c.relacl, acldefault('r', c.relowner)) as acl
    from here
    join pg_class as c on c.relnamespace = here.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select
        'column',
        concat(c.relname, '.', a.attname),
        concat_ws(' ',
            format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then 'not null' end,
            case when a.attidentity <> '' then 'generated as identity' end,
            case when a.attgenerated <> '' then 'generated' end,
            case when a.attcollation <> 0 and a.attcollation <> t.typcollation
                then concat('collate ', (select l.collname from pg_collation as l where l.oid = a.attcollation)) end,
            (select concat('default ', pg_get_expr(d.adbin, d.adrelid)) from pg_attrdef as d
            where d.adrelid = a.attrelid and d.adnum = a.attnum)),
        c.relowner,
        null::aclitem[]
    from here
    join pg_class as c on c.relnamespace = here.oid
    join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_type as t on t.oid = a.atttypid
    where c.relkind in ('r', 'p')
    union all
    select
        'constraint',
        concat(c.relname, '.', k.conname),
        concat(pg_get_constraintdef(k.oid), case when not k.convalidated then ' not valid' end),
        c.relowner,
        null
    from here
    join pg_class as c on c.relnamespace = here.oid
    join pg_constraint as k on k.conrelid = c.oid and k.contype in ('p', 'u', 'c', 'f', 'x')
    union all
    select
        'index',
        concat(t.relname, '.', c.relname),
        concat(pg_get_indexdef(c.oid), case when not (i.indisvalid and i.indisready) then ' not valid' end),
        c.relowner,
        null
    from here
    join pg_class as c on c.relnamespace = here.oid
    join pg_index as i on i.indexrelid = c.oid
    join pg_class as t on t.oid = i.indrelid
    where not exists (select from pg_constraint as k where k.conindid = c.oid and k.contype in ('p', 'u', 'x'))
      and t.relkind in ('r', 'p', 'm')
    union all
    select
        'trigger',
        concat(c.relname, '.', g.tgname),
        concat(pg_get_triggerdef(g.oid), case g.tgenabled when 'O' then '' when 'D' then ' disabled' else ' on replicas' end),
        c.relowner,
        null
    from here
    join pg_class as c on c.relnamespace = here.oid
    join pg_trigger as g on g.tgrelid = c.oid and not g.tgisinternal
    union all
    select
        'function',
        concat(p.proname, '(', pg_get_function_identity_arguments(p.oid), ')'),
        concat_ws(' ',
            'returns', pg_get_function_result(p.oid),
            'language', (select l.lanname from pg_language as l where l.oid = p.prolang),
            case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
            case when p.prosecdef then 'security definer' end,
            case when p.proisstrict then 'strict' end,
            case when p.proleakproof then 'leakproof' end,
            (select string_agg(concat('set ', s.setting), ' ' order by s.setting) from unnest(p.proconfig) as s (setting)),
            'takes', pg_get_function_arguments(p.oid)),
        p.proowner,
        coalesce(p.proacl, acldefault('f', p.proowner))
    from here
    join pg_proc as p on p.pronamespace = here.oid
    union all
    select
        'body',
        concat(p.proname, '(', pg_get_function_identity_arguments(p.oid), ')'),
        p.prosrc,
        p.proowner,
        null
    from here
    join pg_proc as p on p.pronamespace = here.oid
    union all
    select
        'domain',
        t.typname::text,
        concat_ws(' ', format_type(t.typbasetype, t.typtypmod), case when t.typnotnull then 'not null' end, t.typdefault, (
            select string_agg(pg_get_constraintdef(k.oid), ' ' order by k.conname) from pg_constraint as k
            where k.contypid = t.oid and k.contype = 'c')),
        t.typowner,
        null
    from here
    join pg_type as t on t.typnamespace = here.oid and t.typtype = 'd'
    union all
    select 'schema', 'schema', quote_ident(here.nspname), here.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
    from here
    join pg_namespace as n on n.oid = here.oid
)
select
    f.kind,
    f.name,
    f.fact,
    case when f.owner <> here.nspowner then pg_get_userbyid(f.owner)::text else '' end as owner,
    coalesce((
        select string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) from aclexplode(f.acl) as a where a.grantee = 0
    ), '') as public
from facts as f
cross join here
order by f.kind, f.name
