-- Whether a subscription has got to a position: none of its events lies between the checkpoint and the position, nor will.
-- No row = there is no such subscription.
--   $1 stream, $2 name, $3 position
select
    s.position >= $3 or (
        s.stream <> '$all'
        and $3 <= (
            select greatest(
                l.floor, (select newest.position from eventstore.events as newest order by newest.position desc limit 1))
            from eventstore.log_state as l)
        and not exists (
            select from eventstore.streams as st
            join eventstore.events as e on e.stream_id = st.stream_id
            where st.name = s.stream and e.position <= $3
                and (e.stream_version > s.version or st.stream_id <> s.stream_id)) -- which may be of a former life
    ) as reached
from eventstore.subscriptions as s
where s.stream = $1 and s.name = $2
