-- Where some events are.
--   $1 ids
select n.place, e.position, e.created_at
from unnest($1) with ordinality as n (id, place)
join eventstore.events as e on e.event_id = n.id
