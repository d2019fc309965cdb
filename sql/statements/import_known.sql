-- The events that a log holds in a range: those that an earlier import has stored.
--   $1 after this position, $2 through this one, $3 count
select e.position, e.event_id
from eventstore.events as e
where e.position > $1
  and e.position <= $2
order by e.position
limit $3
