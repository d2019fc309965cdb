-- Events of the Elixir library's log, which is its stream 0, in order.
--   $1 after this number, $2 count; numbers, since a COPY takes no parameters
copy (
    select
        a.stream_version as number,
        s.stream_uuid,
        a.original_stream_version,
        e.created_at,
        e.event_id,
        e.correlation_id,
        e.causation_id,
        s.created_at as stream_created_at,
        e.event_type,
        e.metadata,
        e.data,
        -- What is before it in its stream is a link. Versions may be missing: links go with their originals.
        coalesce(
            (
                select l.original_stream_id <> l.stream_id
                from eventstore.stream_events as l
                where l.stream_id = a.original_stream_id
                  and l.stream_version < a.original_stream_version
                order by l.stream_version desc
                limit 1
            ), false) as is_after_link
    from eventstore.stream_events as a
    join eventstore.events as e on e.event_id = a.event_id
    join eventstore.streams as s on s.stream_id = a.original_stream_id
    where a.stream_id = 0
      and a.stream_version > $1
    order by a.stream_version
    limit $2
) to stdout (format binary)
