-- As read_stream, with exact sizes and a filter: rows until max_bytes are reached (one at least), of events that an
-- event_query wants.
--
-- The first row is as in read_stream: its type is the first version that is shown.
--
-- A last row whose type is null says that there is more, but no room for it. A link counts as nothing here: what it
-- stands for is counted when it is read.
-- A filter that matches nothing must not read the whole stream in one statement: at most $8 versions are looked at. The
-- correlation_id of the first row is that of the event at the last of them.
--   $1 name, $2 from version (inclusive), $3 count, $4 max_bytes, $5 to $7 an event_query, $8 window, $9 a
--   version that was seen before (0 = none)
with stream as materialized (
    select
        s.stream_id,
        case when s.deleted_at is null then s.version else -1 end as head,
        eventstore.timeline() as timeline,
        case when s.begins_late or s.name ^@ any (l.retained_names) then
            eventstore.first_version(s.stream_id, $2) -- forward
            eventstore.first_version(s.stream_id, least($2, s.version) - $8) -- backward
        end as first
    from eventstore.streams as s
    left join eventstore.log_state as l on true
    where s.name = $1
)
select
    s.head as stream_version, s.stream_id as position, null as created_at,
    (select seen.event_id from eventstore.events as seen
        where seen.stream_id = s.stream_id and seen.stream_version = $9) as event_id
    , (select e.event_id from eventstore.events as e -- forward
        where e.stream_id = s.stream_id and e.stream_version = least(s.head, greatest($2, s.first) + $8 - 1)) -- forward
        as correlation_id -- forward
    , null as correlation_id -- backward
    , null as causation_id, s.first::text as type, null as data, null as metadata, s.timeline as link_to
from stream as s
union all
select
    e.stream_version, e.position, e.created_at, e.event_id, e.correlation_id, e.causation_id,
    case when e.total_bytes <= $4 or e.total_bytes = e.bytes then e.type end as type,
    case when e.total_bytes <= $4 or e.total_bytes = e.bytes then e.data end as data,
    e.metadata, e.link_to
from stream as s
cross join lateral (
    select sized.*
    from (
        select
            e.*,
            eventstore.payload_size(e.data, e.metadata) as bytes,
            sum(eventstore.payload_size(e.data, e.metadata)) over (
                order by e.stream_version asc rows unbounded preceding -- forward
                order by e.stream_version desc rows unbounded preceding -- backward
            ) as total_bytes
        from eventstore.events as e
        where e.stream_id = s.stream_id
          and e.stream_version >= greatest($2, s.first) -- forward
          and e.stream_version <= $2 -- backward
          and e.stream_version < greatest($2, s.first) + $8 -- forward
          and e.stream_version >= coalesce(s.first, 1) -- backward
          and e.stream_version > least($2, s.head) - $8 -- backward
          and
-- event_query $5
        order by e.stream_version asc -- forward
        order by e.stream_version desc -- backward
        limit $3
    ) as sized
    where sized.total_bytes - sized.bytes <= $4
    order by sized.stream_version asc -- forward
    order by sized.stream_version desc -- backward
) as e
where s.head >= 0
