-- A page of a stream: first a row about the stream, then one for each event. No row at all: there is no such stream.
--
-- The row about the stream comes first. Its version is that of the stream (-1 = it was deleted), its position the id of
-- the stream, its link_to the timeline. In columns of their own these would be sent with each event, and a page would take
-- a tenth longer. Where a page goes on after one that was read before, its event_id is that of the event at $5: if it is
-- not the one that was seen there, the log is not the same. Its type is the first version that the stream's retention
-- shows, which is looked for once a page; null = the stream has no retention.
--
-- The page is cut so that it cannot exceed max_bytes, going by the largest event that the log holds: no sizes are
-- added up, which would make it a third slower. Where that cuts off too much, read_stream_bounded is the one to use.
--
-- A page that goes backward ends before the event that is so many rows below: if that one is young, none of the page has
-- expired by age. There may be gaps between the versions.
--
-- The branches of a UNION ALL, and the rows of an ordered subquery, come in their order as long as no parallel workers
-- share the work. The functions here, and a materialized CTE, do not let any in.
--
-- An event with link_to stands for the one at that position; see originals. For a stream that is known to hold links the
-- row has what a copy knows of its original. Others are read without these columns: they would take a tenth longer.
--
-- The library keeps the lines marked with its direction, and drops the others; so those marked "links", "proof" and "plain".
--   $1 name, $2 from version (inclusive), $3 count, $4 max_bytes, $5 a version that was seen before
with stream as materialized (
    select
        s.stream_id,
        case when s.deleted_at is null then s.version else -1 end as head,
        eventstore.timeline() as timeline,
        l.largest_event,
        case when s.begins_late or s.name ^@ any (l.retained_names) then
            eventstore.first_version(s.stream_id, $2) -- forward
            eventstore.first_version(s.stream_id, ( -- backward
                select b.stream_version from eventstore.events as b -- backward
                where b.stream_id = s.stream_id and b.stream_version <= $2 -- backward
                order by b.stream_version desc offset least($3, greatest(1, $4 / l.largest_event)) limit 1)) -- backward
        end as first
    from eventstore.streams as s
    left join eventstore.log_state as l on true
    where s.name = $1
)
select
    s.head as stream_version, s.stream_id as position, null as created_at
    , null as event_id -- plain
    , (select seen.event_id from eventstore.events as seen -- proof
        where seen.stream_id = s.stream_id and seen.stream_version = $5) as event_id -- proof
    , null as correlation_id, null as causation_id, s.first::text as type, null as data, null as metadata
    , s.timeline as link_to
    , null as link_stream_id, null as link_version, null as link_event_id, null as link_created_at -- links
from stream as s
union all
select
    e.stream_version, e.position, e.created_at, e.event_id, e.correlation_id,
    e.causation_id, e.type, e.data, e.metadata, e.link_to
    , e.link_stream_id, e.link_version, e.link_event_id, e.link_created_at -- links
from stream as s
cross join lateral (
    select *
    from eventstore.events as e
    where e.stream_id = s.stream_id
      and e.stream_version >= greatest($2, s.first) -- forward
      and e.stream_version <= $2 -- backward
      and e.stream_version >= coalesce(s.first, 1) -- backward
    order by e.stream_version asc -- forward
    order by e.stream_version desc -- backward
    limit least($3, greatest(1, $4 / s.largest_event))
) as e
where s.head >= 0
