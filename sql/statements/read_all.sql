-- A page of the log, and its head, in one snapshot: first a row about the log, then one for each event.
--
-- The row about the log comes first. Its version is the head and its link_to the timeline; see read_stream. Its three ids
-- prove in this very snapshot what the log holds: event_id is that of the event at $5, correlation_id that at the head,
-- causation_id that at $6.
--
-- Stream names are not joined in: that would take more than twice the time. The library knows the names of the ids
-- that it has met, and asks for the others (stream_names).
--
-- The page is cut so that it cannot exceed max_bytes, going by the largest event that the log holds; see read_stream.
--   $1 from position (inclusive), $2 count, $3 max_bytes, $4 whether links are wanted, too, $5 and $6 positions that were
--   seen before (0 = none)
with log as materialized (
    select
        greatest(l.floor, newest.position) as head,
        case when newest.position >= l.floor then newest.event_id end as head_event,
        l.largest_event,
        eventstore.timeline() as timeline
    from eventstore.log_state as l
    left join lateral (
        select e.position, e.event_id from eventstore.events as e order by e.position desc limit 1
    ) as newest on true
)
select
    log.head as stream_version, null as position, null as created_at,
    (select seen.event_id from eventstore.events as seen where seen.position = $5) as event_id,
    log.head_event as correlation_id,
    (select seen.event_id from eventstore.events as seen where seen.position = $6) as causation_id,
    null as type, null as data, null as metadata, log.timeline as link_to, null as stream_id
from log
union all
select
    e.stream_version, e.position, e.created_at, e.event_id, e.correlation_id,
    e.causation_id, e.type, e.data, e.metadata, e.link_to, e.stream_id
from log
cross join lateral (
    select *
    from eventstore.events as e
    where e.position >= $1 -- forward
    where e.position <= $1 -- backward
      and (e.link_to is null or $4)
    order by e.position asc -- forward
    order by e.position desc -- backward
    limit least($2, greatest(1, $3 / log.largest_event))
) as e
