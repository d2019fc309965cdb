-- The versions of projections, and how far each has come, if the log ended at a position.
--   $1 the position; a number
copy (
    select
        p.name::text as name,
        p.version::bigint as version,
        p.consumers::bigint as consumers,
        p.started_at,
        least(eventstore.projection_position(p.name, p.version, p.consumers), $1) as position,
        p.live_after,
        p.live_until,
        p.switched_at
    from eventstore.projections as p
    order by p.name, p.version
) to stdout (format binary)
