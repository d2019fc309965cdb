-- The versions of projections, and how far each has come, if the log ended at a position. As projection_position, which a
-- reader may not be allowed to call.
--   $1 the position; a number
copy (
    select
        p.name::text as name,
        p.version::bigint as version,
        p.consumers::bigint as consumers,
        p.started_at,
        least(
            coalesce(
                (
                    select case when count(*) = p.consumers then min(s.position) end
                    from generate_series(1, p.consumers) as n
                    join eventstore.subscriptions as s on s.stream = '$all'
                        and s.name = concat(p.name, '@', p.version, case when p.consumers > 1 then concat('/', n) end)
                ), 0), $1) as position,
        p.live_after,
        p.live_until,
        p.switched_at
    from eventstore.projections as p
    order by p.name, p.version
) to stdout (format binary)
