-- Whether the subscriptions of one name have got to a position: nothing of theirs lies behind the checkpoint and before
-- it. No row = there is no such subscription.
--   $1 name, $2 position
select
    s.stream,
    s.position >= $2 or (s.stream <> '$all' and not exists (
        select from eventstore.streams as st
        join eventstore.events as e on e.stream_id = st.stream_id
        where st.name = s.stream and e.stream_version > s.version and e.position <= $2
    )) as reached
from eventstore.subscriptions as s
where s.name = $1
