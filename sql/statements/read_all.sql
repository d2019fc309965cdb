-- A page of the log, and its head, in one snapshot: there is always a row; nulls after the head mean an empty page.
--
-- Stream names are not joined in: that would take more than twice the time. The library knows the names of the ids
-- that it has met, and asks for the others (stream_names).
--
-- The page is cut so that it cannot exceed max_bytes, going by the largest event that the log holds; see read_stream.
--   $1 from position (inclusive), $2 count, $3 max_bytes, $4 whether links are wanted, too
select
    log.head,
    e.stream_version, e.position, e.created_at, e.event_id, e.correlation_id, e.causation_id,
    e.type, e.data, e.metadata, e.link_to, e.stream_id,
    (select eventstore.timeline()) as timeline
from (
    select
        greatest(l.floor, (select newest.position from eventstore.events as newest order by newest.position desc limit 1))
            as head,
        l.largest_event
    from eventstore.log_state as l
) as log
left join lateral (
    select *
    from eventstore.events as e
    where e.position >= $1 -- forward
    where e.position <= $1 -- backward
      and (e.link_to is null or $4)
    order by e.position asc -- forward
    order by e.position desc -- backward
    limit least($2, greatest(1, $3 / log.largest_event))
) as e on true
