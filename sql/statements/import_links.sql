-- Stores links, whose originals are stored already, and held: with a copy of those that are small, as append_events does.
-- None to an event that is being deleted for good.
--   $1 positions, $2 streams, $3 versions, $4 times, $5 ids, $6 correlation ids, $7 causation ids, $8 originals
insert into eventstore.events
    (position, stream_id, stream_version, created_at, event_id, correlation_id, causation_id, type, data, metadata,
     link_to, link_stream_id, link_version, link_event_id, link_created_at)
select
    l.position, l.stream_id, l.version, l.created_at, l.id,
    coalesce(l.correlation_id, case when small.is_so then o.correlation_id end),
    coalesce(l.causation_id, case when small.is_so then o.causation_id end),
    o.type,
    case when small.is_so then o.data else '' end, -- bytea
    case when small.is_so then o.metadata else '' end, -- bytea
--jsonb     case when small.is_so then o.data end,
--jsonb     case when small.is_so then o.metadata end,
    o.position,
    case when small.is_so then o.stream_id end,
    case when small.is_so then o.stream_version end,
    case when small.is_so then o.event_id end,
    case when small.is_so then o.created_at end
from unnest($1, $2, $3, $4, $5, $6, $7, $8)
    as l (position, stream_id, version, created_at, id, correlation_id, causation_id, original)
join eventstore.events as o on o.position = l.original and o.link_to is null
join eventstore.streams as s on s.stream_id = o.stream_id and not starts_with(s.name, '$deleted ')
cross join lateral (select eventstore.payload_size(o.data, o.metadata) <= 2000 as is_so) as small
returning link_to
