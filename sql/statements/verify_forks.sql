-- The promotions that the log knows of, each with how far the log goes and the history it is on now.
select
    f.timeline,
    f.head,
    greatest(
        coalesce((select max(l.floor) from eventstore.log_state as l), 0),
        coalesce((select e.position from eventstore.events as e order by e.position desc limit 1), 0)) as last,
    eventstore.timeline() as now,
    coalesce((select max(l.timeline) from eventstore.log_state as l), 0) as recorded
from eventstore.forks as f
order by f.timeline
