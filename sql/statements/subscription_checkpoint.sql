-- Whether the subscriptions of one name have got to a position: nothing of theirs lies behind the checkpoint and before
-- it, nor will. No row = there is no such subscription.
--   $1 name, $2 position
select
    s.stream,
    s.position >= $2 or (
        s.stream <> '$all'
        and $2 <= (
            select greatest(
                l.floor, (select newest.position from eventstore.events as newest order by newest.position desc limit 1))
            from eventstore.log_state as l)
        and not exists (
            select from eventstore.streams as st
            join eventstore.events as e on e.stream_id = st.stream_id
            where st.name = s.stream and e.position <= $2
                and (e.stream_version > s.version or st.stream_id <> s.stream_id)) -- which may be of a former life
    ) as reached
from eventstore.subscriptions as s
where s.name = $1
