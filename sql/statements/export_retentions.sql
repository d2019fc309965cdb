-- The retentions that are set, but for those of streams that were made after a position.
--   $1 the position; a number
copy (
    select
        r.name::text as name,
        r.is_prefix,
        r.truncate_before,
        r.max_count,
        (extract(epoch from r.max_age) * 1000000)::bigint as max_age,
        r.changed_at
    from eventstore.retentions as r
    where r.is_prefix
       or not exists (
           select
           from eventstore.streams as s
           cross join lateral (
               select e.position
               from eventstore.events as e
               where e.stream_id = s.stream_id
               order by e.stream_version
               limit 1
           ) as first
           where s.name = r.name
             and first.position > $1
       )
    order by r.is_prefix desc, r.name
) to stdout (format binary)
