-- A page of one stream, and the stream's state, in one snapshot: no row = no such stream; otherwise each row begins
-- with the stream's version (-1 = deleted), and a row of nulls after it means that the page is empty.
--
-- The page is cut so that it cannot exceed max_bytes, going by the largest event that the log holds: no sizes are
-- added up, which would make it a third slower. Where that cuts off too much, read_stream_bounded is the one to use.
--
-- A row with link_to stands for the event at that position; see originals.
--
-- The library keeps the lines marked with its direction, and drops the others.
--   $1 name, $2 from version (inclusive), $3 count, $4 max_bytes
select
    case when s.deleted_at is null then s.version else -1 end as head,
    e.stream_version, e.position, e.created_at, e.event_id, e.correlation_id, e.causation_id,
    e.type, e.data, e.metadata, e.link_to, s.stream_id,
    (select eventstore.timeline()) as timeline
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
