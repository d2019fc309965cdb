-- What retention counts for a stream: its own, that of the longest prefix, and where the stream begins. Always one row.
--   $1 name
select
    coalesce(s.version, 0) as version,
    case when s.stream_id is null then 1 else eventstore.first_version(s.stream_id) end as first_version,
    o.truncate_before, o.max_count, (extract(epoch from o.max_age) * 1000)::bigint as max_age,
    p.name as prefix, p.truncate_before, p.max_count, (extract(epoch from p.max_age) * 1000)::bigint as prefix_max_age
from (select $1 as name) as asked
left join eventstore.streams as s on s.name = asked.name
left join eventstore.retentions as o on not o.is_prefix and o.name = asked.name
left join lateral (
    select r.*
    from eventstore.retentions as r
    where r.is_prefix and r.name <= asked.name and starts_with(asked.name, r.name)
    order by r.name desc
    limit 1
) as p on true
