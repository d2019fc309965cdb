-- The versions of one projection, or ($1 null) of all.
select
    p.name,
    p.version::bigint,
    p.consumers::bigint,
    eventstore.projection_position(p.name, p.version, p.consumers) as position,
    greatest(l.floor, (select e.position from eventstore.events as e order by e.position desc limit 1)) as head,
    p.started_at,
    p.switched_at,
    case
        when exists (
            select from eventstore.projections as n
            where n.name = p.name and n.version > p.version and n.switched_at is not null) then 3
        when p.switched_at is not null then 2
        when p.live_after is not null then 1
        else 0
    end::bigint as state,
    (extract(epoch from clock_timestamp() - p.started_at) * 1000000)::bigint as age,
    (
        select count(*)
        from eventstore.subscriptions as s
        join eventstore.parked_events as k on k.subscription_id = s.subscription_id
        where s.stream = '$all'
          and s.name = any (eventstore.projection_subscriptions(p.name, p.version, p.consumers))
    ) as parked
from eventstore.projections as p
cross join eventstore.log_state as l
where $1 is null or p.name = $1
order by p.name, p.version
