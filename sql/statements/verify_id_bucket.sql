-- The ids in a range of positions, as far as they belong into one of several portions: where no unique index is there, the
-- caller compares each portion by itself.
--   $1 after this position, $2 through this one, $3 number of portions, $4 the portion, from 0
select e.position, e.event_id
from eventstore.events as e
where e.position > $1
  and e.position <= $2
  and (uuid_hash(e.event_id) & 2147483647) % $3 = $4
