-- The tables of the store, with what their size should be about.
--   $1 the schema, as a literal
select
    c.relname::text as table,
    c.relpages::bigint * current_setting('block_size')::bigint as bytes,
    c.reltuples::bigint as tuples,
    coalesce((
        select sum(case when a.attlen > 0 then a.attlen else coalesce(w.avg_width, 32) end)
        from pg_attribute as a
        left join pg_stats as w on w.schemaname = c.relnamespace::regnamespace::name and w.tablename = c.relname
            and w.attname = a.attname and not w.inherited
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ), 0)::bigint as width,
    coalesce((
        select o.option_value::bigint from pg_options_to_table(c.reloptions) as o where o.option_name = 'fillfactor'), 100)
        as fill,
    coalesce((
        select o.option_value::boolean from pg_options_to_table(c.reloptions) as o where o.option_name = 'autovacuum_enabled'),
        true) as is_vacuumed,
    coalesce(s.n_live_tup, 0) as live,
    coalesce(s.n_dead_tup, 0) as dead,
    coalesce(extract(epoch from clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum))::bigint, -1) as vacuumed,
    age(c.relfrozenxid) as xid_age
from pg_class as c
left join pg_stat_all_tables as s on s.relid = c.oid
where c.relnamespace = to_regnamespace($1)
  and c.relkind = 'r'
order by 1
