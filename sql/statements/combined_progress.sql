-- log_progress for one of many stores, as a part of a statement for all of them.
--   $1 timelines, $2 positions
select
    greatest(
        l.floor,
        (select newest.position from eventstore.events as newest order by newest.position desc limit 1)
    ) as head,
    eventstore.timeline() as timeline,
    $1[@] = 0 or eventstore.is_held($1[@], $2[@]) as is_held
from eventstore.log_state as l
