-- Versions of projections. Those that are there stay as they are; and none is made if there is a checkpoint of its names that
-- was not imported with it: that is not of the same read model.
--   $1 names, $2 versions, $3 consumers, $4 when they were made (null = now: it begins anew), $5 live_after, $6 live_until,
--   $7 when readers were sent to them
insert into eventstore.projections (name, version, consumers, started_at, live_after, live_until, switched_at)
select n.name, n.version, n.consumers, coalesce(n.started_at, clock_timestamp()), n.live_after, n.live_until, n.switched_at
from unnest($1, $2, $3, $4, $5, $6, $7)
    as n (name, version, consumers, started_at, live_after, live_until, switched_at)
where not exists (
    select
    from eventstore.subscriptions as s
    where s.stream = '$all'
      and s.name = any (eventstore.projection_subscriptions(n.name, n.version, n.consumers))
      and (s.epoch <> 0 or n.started_at is null)
)
on conflict (name, version) do nothing
