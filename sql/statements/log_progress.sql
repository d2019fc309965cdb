-- How far the log goes, in which history, and whether it still holds everything up to a position that was seen before.
--   $1 timeline, $2 position
select
    greatest(
        l.floor,
        (select newest.position from eventstore.events as newest order by newest.position desc limit 1)
    ) as head,
    eventstore.timeline() as timeline,
    $1 = 0 or eventstore.is_held($1, $2) as is_held
from eventstore.log_state as l
