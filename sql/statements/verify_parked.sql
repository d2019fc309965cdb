-- The next parked events: one row that sums them up, and one for each whose event is not there.
--   $1 subscription id and $2 position of the last one before, $3 at most so many
with page as materialized (
    select p.subscription_id, p.position
    from eventstore.parked_events as p
    where (p.subscription_id, p.position) > ($1, $2)
    order by p.subscription_id, p.position
    limit $3
), last as (
    select p.subscription_id, p.position from page as p order by p.subscription_id desc, p.position desc limit 1
)
select
    'page' as kind,
    (select last.subscription_id from last) as subscription_id,
    (select last.position from last) as position,
    (select count(*) from page) as count,
    coalesce((select max(l.floor) from eventstore.log_state as l), 0) as floor,
    '' as stream,
    '' as name
union all
select 'missing', p.subscription_id, p.position, null, null, coalesce(s.stream, ''), coalesce(s.name, '')
from page as p
left join eventstore.subscriptions as s on s.subscription_id = p.subscription_id
where not exists (select from eventstore.events as e where e.position = p.position)
