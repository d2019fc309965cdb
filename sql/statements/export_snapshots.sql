-- The snapshots, but for those of events that come after a position.
--   $1 the position; a number
copy (
    select k.source, k.version, k.type, k.recorded_at, k.metadata, k.data
    from eventstore.snapshots as k
    where not exists (
        select
        from eventstore.streams as s
        join eventstore.events as e on e.stream_id = s.stream_id and e.stream_version <= k.version
        where s.name = k.source
          and e.position > $1
    )
    order by k.source
) to stdout (format binary)
