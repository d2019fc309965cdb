-- How far the log goes, in which history, and what it holds of what was seen before: the event at that position, if there is
-- one; else the histories tell, but for a standby, which cannot.
--   $1 timeline, $2 position
select
    greatest(l.floor, newest.position) as head,
    eventstore.timeline() as timeline,
    case when newest.position >= l.floor then newest.event_id end as head_event,
    (select seen.event_id from eventstore.events as seen where seen.position = $2) as seen_event,
    $1 = 0 or eventstore.is_held($1, $2) as is_held
from eventstore.log_state as l
left join lateral (
    select e.position, e.event_id from eventstore.events as e order by e.position desc limit 1
) as newest on true
