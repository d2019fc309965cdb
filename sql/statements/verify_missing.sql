-- How many positions of a range are missing.
--   $1 from this position, $2 through this one
select $2::bigint - $1::bigint + 1 - count(*) as missing
from eventstore.events as e
where e.position >= $1
  and e.position <= $2
