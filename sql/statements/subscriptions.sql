-- All subscriptions, how far each is behind, and who has or had it. One that was released in order has no time of that:
-- `unrenewed` is -1.
select
    s.stream,
    s.name,
    s.position,
    s.version,
    case
        when s.stream = '$all' then greatest(log.head - s.position, 0)
        when st.stream_id <> s.stream_id then st.version -- it was made anew
        else greatest(coalesce(st.version, 0) - s.version, 0)
    end as lag_events,
    case
        when next.created_at is null then 0
        else greatest((extract(epoch from clock_timestamp() - next.created_at) * 1e6)::bigint, 0)
    end as lag_microseconds,
    (select count(*) from eventstore.parked_events as p where p.subscription_id = s.subscription_id) as parked,
    case when lease.is_held then s.owner_text else '' end as owner,
    s.created_at,
    lease.is_held,
    coalesce(s.owner_text, '') as last_owner,
    coalesce(extract(epoch from clock_timestamp() - s.renewed_at)::bigint, -1) as unrenewed
from eventstore.subscriptions as s
cross join lateral (
    select s.owner is not null and clock_timestamp() between s.renewed_at and s.renewed_at + s.lease as is_held
) as lease
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
