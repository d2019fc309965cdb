-- Messages of Message DB, in order.
--   $1 after this position, $2 through this one, $3 count; numbers, since a COPY takes no parameters
copy (
    select
        m.global_position,
        m.stream_name,
        m.position + 1 as version,
        m.time at time zone 'UTC' as created_at,
        m.id,
        m.type,
        m.metadata,
        m.data
    from eventstore.messages as m
    where m.global_position > $1
      and m.global_position <= $2
    order by m.global_position
    limit $3
) to stdout (format binary)
