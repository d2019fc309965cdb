-- Keeps the size of the largest event, which bounds the memory of readers. As jsonb it is what is read that counts.
--   $1 the bytes of the largest of the events that were stored now, $2 whether the log was empty before, $3 after this
--   position they are, $4 through this one
with stored as (
    select $1::bigint as bytes where $3::bigint < $4::bigint -- bytea
--jsonb     select greatest(max(eventstore.payload_size(e.data, e.metadata)), $1::bigint - $1::bigint) as bytes
--jsonb     from eventstore.events as e
--jsonb     where e.position > $3 and e.position <= $4
)
update eventstore.log_state as l
set largest_event = greatest(stored.bytes, 4096)
from stored
where l.largest_event < stored.bytes
   or (l.largest_event is null and $2)
