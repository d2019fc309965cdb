-- The newest event of one of many logs, as a part of a statement for all of them; no row = there is none. Nothing else:
-- the plan of each part is made anew with each look. Whoever sees that this is not the event it knows looks closer.
select newest.position, newest.event_id
from eventstore.events as newest
order by newest.position desc
limit 1
