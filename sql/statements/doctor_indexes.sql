-- The indexes of the store's tables, with what their size should be about.
--   $1 the schema, as a literal
select
    t.relname::text as table,
    c.relname::text as name,
    k.columns,
    i.indisunique as is_unique,
    coalesce(pg_get_expr(i.indpred, i.indrelid), '') as predicate,
    i.indisvalid and i.indisready as is_valid,
    c.relpages::bigint * current_setting('block_size')::bigint as bytes,
    c.reltuples::bigint as tuples,
    k.width
from pg_index as i
join pg_class as c on c.oid = i.indexrelid
join pg_class as t on t.oid = i.indrelid
cross join lateral (
    select
        string_agg(a.attname, ',' order by n.place) as columns,
        sum(case when a.attlen > 0 then a.attlen else coalesce(w.avg_width, 32) end)::bigint as width
    from unnest(i.indkey) with ordinality as n (number, place)
    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = n.number
    left join pg_stats as w on w.schemaname = t.relnamespace::regnamespace::name and w.tablename = t.relname
        and w.attname = a.attname and not w.inherited
) as k
where t.relnamespace = to_regnamespace($1)
  and t.relkind = 'r'
order by 1, 2
