-- The streams whose state their events up to a position do not tell: they are deleted, or their first or last versions are
-- gone, as links go with their originals.
--   $1 the position; a number
copy (
    select
        s.name::text as name,
        coalesce(
            (
                select e.stream_version - 1
                from eventstore.events as e
                where e.stream_id = s.stream_id
                  and e.position > $1
                order by e.stream_version
                limit 1
            ), s.version) as version,
        s.created_at,
        s.deleted_at
    from eventstore.streams as s
    -- Two looks into an index for each stream: by NOT EXISTS, the planner would make a hash of all events.
    cross join lateral (
        select
            (select e.position from eventstore.events as e where e.stream_id = s.stream_id and e.stream_version = 1)
                as first_version,
            (select e.position from eventstore.events as e where e.stream_id = s.stream_id and e.stream_version = s.version)
                as last_version
        offset 0
    ) as positions
    where not starts_with(s.name, '$deleted ')
      and (s.deleted_at is not null or positions.first_version is null or positions.last_version is null)
      -- One that was made later is not of this export.
      and coalesce(
          positions.first_version <= $1,
          (
              select e.position <= $1
              from eventstore.events as e
              where e.stream_id = s.stream_id
              order by e.stream_version
              limit 1
          ),
          true)
    order by s.stream_id
) to stdout (format binary)
