-- The next streams by id, as many as have a bounded number of events together: one row that sums them up, and one for each
-- thing that is not as it should be. A stream's version and its events are of one snapshot.
--   $1 after this stream id, $2 at most so many streams, $3 at most so many events (but one stream at least)
-- The kinds of rows, and what their numbers are:
--   page   streams, last stream id or null, floor
--   large  stream id, version: it has too many events, see verify_versions
--   end    stream id, version, the version and position of its last event (0 = it has none)
--   gap    stream id, version, two versions that follow each other and should not, and the positions of both
with candidate as (
    select
        s.*,
        sum(least(s.version, $3)) over (order by s.stream_id) - least(s.version, $3) as events_before
    from (
        select t.stream_id, t.name, t.version, t.deletion is not null and starts_with(t.name, '$deleted ') as is_going
        from eventstore.streams as t
        where t.stream_id > $1
        order by t.stream_id
        limit $2
    ) as s
), page as materialized (
    select c.* from candidate as c where c.events_before < $3
)
select
    'page' as kind,
    (select count(*) from page) as stream_id,
    (select max(p.stream_id) from page as p) as version,
    (select max(l.floor) from eventstore.log_state as l) as before_version,
    null::bigint as before_position,
    null::bigint as at_version,
    null::bigint as at_position,
    '' as name,
    false as is_going
union all
select 'large', p.stream_id, p.version, null, null, null, null, p.name, p.is_going
from page as p
where p.version > $3
union all
select 'end', p.stream_id, p.version, coalesce(last.stream_version, 0), coalesce(last.position, 0), null, null, p.name, p.is_going
from page as p
left join lateral (
    select e.stream_version, e.position
    from eventstore.events as e
    where e.stream_id = p.stream_id
    order by e.stream_version desc
    limit 1
) as last on true
where p.version is distinct from last.stream_version
union all
select
    'gap', p.stream_id, p.version, gap.before, coalesce(b.position, 0), gap.stream_version, a.position, p.name, p.is_going
from page as p
cross join lateral (
    select v.stream_version, v.before
    from (
        select e.stream_version, lag(e.stream_version, 1, 0::bigint) over (order by e.stream_version) as before
        from eventstore.events as e
        where e.stream_id = p.stream_id
          and e.stream_version <= p.version
    ) as v
    where v.stream_version <> v.before + 1
) as gap
left join lateral (
    select e.position from eventstore.events as e where e.stream_id = p.stream_id and e.stream_version = gap.before limit 1
) as b on true
left join lateral (
    select e.position
    from eventstore.events as e
    where e.stream_id = p.stream_id and e.stream_version = gap.stream_version
    order by e.position desc
    limit 1
) as a on true
where p.version <= $3
