-- Who removes one of these waits, and finds the link; or has removed it, and it is not found any more.
--   $1 positions
select
from eventstore.events as o
where o.position = any ($1)
order by o.position
for key share
