-- The last event of a log, and the last one that is no link.
select
    coalesce(newest.position, 0) as position,
    newest.event_id,
    (
        select e.event_id
        from eventstore.events as e
        where e.link_to is null
        order by e.position desc
        limit 1
    ) as last_original
from (values (1)) as one (n)
left join lateral (
    select e.position, e.event_id from eventstore.events as e order by e.position desc limit 1
) as newest on true
