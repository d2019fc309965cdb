-- Some events of the log, in order, links included, with whatever copies they have. Names of streams are not joined in: see
-- read_all.
--   $1 after this position, $2 through this one, $3 count; numbers, since a COPY takes no parameters
copy (
    select
        e.position,
        e.stream_id,
        e.stream_version,
        e.created_at,
        e.event_id,
        e.correlation_id,
        e.causation_id,
        e.link_to,
        -- Of a link: the stream of its original, which may be on its way out.
        (select o.stream_id from eventstore.events as o where o.position = e.link_to) as original_stream, -- links
        e.type,
        e.metadata,
        e.data
    from eventstore.events as e
    where e.position > $1
      and e.position <= $2
    order by e.position
    limit $3
) to stdout (format binary)
