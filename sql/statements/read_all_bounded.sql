-- As read_all, with exact sizes and a filter: rows until max_bytes are reached (one at least), of events
-- that an event_query wants. At most $7 positions are looked at; see read_stream_bounded. The
-- correlation_id of the first row is that of the event at the last of them.
--   $1 from position (inclusive), $2 count, $3 max_bytes, $4 to $6 an event_query, $7 window, $8 whether
--   links are wanted, too, $9 and $10 positions that were seen before (0 = none)
with log as materialized (
    select
        greatest(l.floor, (select newest.position from eventstore.events as newest order by newest.position desc limit 1))
            as head,
        eventstore.timeline() as timeline
    from eventstore.log_state as l
)
select
    log.head as stream_version, null as position, null as created_at,
    (select seen.event_id from eventstore.events as seen where seen.position = $9) as event_id
    , (select e.event_id from eventstore.events as e where e.position = least(log.head, $1 + $7 - 1)) as correlation_id -- forward
    , null as correlation_id -- backward
    , (select seen.event_id from eventstore.events as seen where seen.position = $10) as causation_id,
    null as type, null as data, null as metadata, log.timeline as link_to, null as stream_id
from log
union all
select
    e.stream_version, e.position, e.created_at, e.event_id, e.correlation_id, e.causation_id,
    case when e.total_bytes <= $3 or e.total_bytes = e.bytes then e.type end as type,
    case when e.total_bytes <= $3 or e.total_bytes = e.bytes then e.data end as data,
    e.metadata, e.link_to, e.stream_id
from log
cross join lateral (
    select sized.*
    from (
        select
            e.*,
            eventstore.payload_size(e.data, e.metadata) as bytes,
            sum(eventstore.payload_size(e.data, e.metadata)) over (
                order by e.position asc rows unbounded preceding -- forward
                order by e.position desc rows unbounded preceding -- backward
            ) as total_bytes
        from eventstore.events as e
        where e.position >= $1 -- forward
        where e.position <= $1 -- backward
          and (e.link_to is null or $8)
          and e.position < $1 + $7 -- forward
          and e.position > least($1, log.head) - $7 -- backward
          and
-- event_query $4
        order by e.position asc -- forward
        order by e.position desc -- backward
        limit $2
    ) as sized
    where sized.total_bytes - sized.bytes <= $3
    order by sized.position asc -- forward
    order by sized.position desc -- backward
) as e
