-- As read_stream, for a stream that is known to hold links, with what their rows know of the events that they stand for.
-- Other streams are read without these columns: they would take a tenth longer.
--   $1 name, $2 from version (inclusive), $3 count, $4 max_bytes
select
    case when s.deleted_at is null then s.version else -1 end as head,
    e.stream_version, e.position, e.created_at, e.event_id, e.correlation_id, e.causation_id,
    e.type, e.data, e.metadata, e.link_to, s.stream_id,
    (select eventstore.timeline()) as timeline,
    e.link_stream_id, e.link_version, e.link_event_id, e.link_created_at
from eventstore.streams as s
left join lateral (
    select *
    from eventstore.events as e
    where e.stream_id = s.stream_id
      and e.stream_version >= $2 -- forward
      and e.stream_version <= $2 -- backward
      and s.deleted_at is null
    order by e.stream_version asc -- forward
    order by e.stream_version desc -- backward
    limit least($3, greatest(1, $4 / (select largest_event from eventstore.log_state)))
) as e on true
where s.name = $1
