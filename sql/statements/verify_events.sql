-- A range of positions: one row that sums it up, and one for each thing that is not as it should be. All of it is of one
-- snapshot, and so is the floor by which a gap is judged: whoever deletes streams meanwhile changes nothing here.
--   $1 after this position, $2 through this one
--   $3 the last position before the range that was seen, 0 = none
--   $4 whether there is the index by stream and version: without it a look at the version before takes too long
-- The kinds of rows, and what their numbers are:
--   page    rows, links, last position or null, floor
--   next    the first position behind the range, or null; how many are older than the event before them, the first of them
--   gap     the positions from .. to that are missing
--   twice   a position that is there twice
--   orphan  position, stream id: there is no such stream
--   order   position, version, and the position and version of the event that should stand before it
with page as materialized (
    select
        e.position,
        e.stream_id,
        e.stream_version,
        e.created_at,
        e.link_to,
        lag(e.position) over log as position_before,
        lag(e.created_at) over log as created_before,
        lag(e.stream_version) over (partition by e.stream_id order by e.position) as version_before
    from eventstore.events as e
    where e.position > $1
      and e.position <= $2
    window log as (order by e.position)
), edge as (
    select b.created_at from eventstore.events as b where b.position = $3 limit 1
), older as (
    select p.position
    from page as p
    where p.created_at < coalesce(p.created_before, (select edge.created_at from edge))
)
select
    'page' as kind,
    (select count(*) from page) as first,
    (select count(p.link_to) from page as p) as second,
    (select max(p.position) from page as p) as third,
    (select max(l.floor) from eventstore.log_state as l) as fourth,
    '' as stream
union all
select
    'next',
    (select e.position from eventstore.events as e where e.position > $2 order by e.position limit 1),
    (select count(*) from older),
    (select min(older.position) from older),
    null,
    ''
union all
select 'gap', coalesce(p.position_before, $3) + 1, p.position - 1, null, null, ''
from page as p
where p.position > coalesce(p.position_before, $3) + 1
union all
select 'twice', p.position, null, null, null, ''
from page as p
where p.position = p.position_before
union all
select 'orphan', p.position, p.stream_id, null, null, ''
from page as p
where p.version_before is null
  and not exists (select from eventstore.streams as s where s.stream_id = p.stream_id)
union all
select
    'order', p.position, p.stream_version, before.position, before.stream_version,
    (select s.name from eventstore.streams as s where s.stream_id = p.stream_id)
from page as p
cross join lateral (
    select b.position, b.stream_version
    from eventstore.events as b
    where b.stream_id = p.stream_id
      and b.stream_version < p.stream_version
    order by b.stream_version desc
    limit 1
) as before
where $4
  and p.stream_version > 1
  and p.version_before is distinct from p.stream_version - 1
  and before.position > p.position
