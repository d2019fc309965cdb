-- The log of all streams, told as a stream: its version is the position of its last event.
select
    '$all' as name,
    greatest(
        l.floor,
        (select newest.position from eventstore.events as newest order by newest.position desc limit 1)
    ) as version,
    l.created_at,
    null::timestamptz as deleted_at,
    0::bigint as stream_id
from eventstore.log_state as l
