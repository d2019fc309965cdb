-- What a subscription has put aside.
select p.position, e.stream_version, st.name as stream, e.type, p.reason, p.deliveries::bigint, p.parked_at
from eventstore.subscriptions as s
join eventstore.parked_events as p using (subscription_id)
left join eventstore.events as e on e.position = p.position
left join eventstore.streams as st on st.stream_id = e.stream_id
where s.stream = $1 and s.name = $2
order by p.position
