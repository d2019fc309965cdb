-- Who has each subscription, and how far it is behind. One that was let go of in order has no time of that: how long its next
-- event has been waiting tells how long nobody has done anything at least.
select
    s.stream,
    s.name,
    s.owner is not null and clock_timestamp() between s.renewed_at and s.renewed_at + s.lease as is_owned,
    coalesce(s.owner_text, '') as owner,
    coalesce(extract(epoch from clock_timestamp() - s.renewed_at)::bigint, -1) as unrenewed,
    case
        when next.created_at is null then 0
        else greatest(extract(epoch from clock_timestamp() - next.created_at)::bigint, 0)
    end as lag,
    case
        when s.stream = '$all' then greatest(log.head - s.position, 0)
        when st.stream_id <> s.stream_id then st.version
        else greatest(coalesce(st.version, 0) - s.version, 0)
    end as lag_events,
    (select count(*) from eventstore.parked_events as p where p.subscription_id = s.subscription_id) as parked
from eventstore.subscriptions as s
cross join (
    select greatest(l.floor, (select e.position from eventstore.events as e order by e.position desc limit 1)) as head
    from eventstore.log_state as l
) as log
left join eventstore.streams as st on st.name = s.stream
left join lateral (
    (
        select e.created_at from eventstore.events as e
        where s.stream = '$all' and e.position > s.position
        order by e.position
        limit 1
    )
    union all
    (
        select e.created_at from eventstore.events as e
        where e.stream_id = st.stream_id
          and e.stream_version > case when st.stream_id <> s.stream_id then 0 else s.version end
        order by e.stream_version
        limit 1
    )
) as next on true
order by s.name, s.stream
