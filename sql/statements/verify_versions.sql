-- A range of versions of one large stream: the rows of verify_streams.
--   $1 stream id, $2 after this version, $3 through this one, $4 the last version before the range that was seen
with page as materialized (
    select e.stream_version, lag(e.stream_version, 1, $4::bigint) over (order by e.stream_version) as before
    from eventstore.events as e
    where e.stream_id = $1
      and e.stream_version > $2
      and e.stream_version <= $3
)
select
    'page' as kind,
    (select count(*) from page) as stream_id,
    (select max(p.stream_version) from page as p) as version,
    (select max(l.floor) from eventstore.log_state as l) as before_version,
    (select e.stream_version from eventstore.events as e
    where e.stream_id = $1 and e.stream_version > $3 order by e.stream_version limit 1) as before_position,
    null::bigint as at_version,
    null::bigint as at_position,
    '' as name,
    false as is_going
union all
select 'gap', s.stream_id, s.version, p.before, coalesce(b.position, 0), p.stream_version, a.position, s.name,
    s.deletion is not null and starts_with(s.name, '$deleted ')
from page as p
join eventstore.streams as s on s.stream_id = $1
left join lateral (
    select e.position from eventstore.events as e where e.stream_id = $1 and e.stream_version = p.before limit 1
) as b on true
left join lateral (
    select e.position
    from eventstore.events as e
    where e.stream_id = $1 and e.stream_version = p.stream_version
    order by e.position desc
    limit 1
) as a on true
where p.stream_version <> p.before + 1
