-- The end of the log, where the last events of the original were deleted for good: no position is given out twice. And what is
-- missing below the floor of the original is no damage here either.
--   $1 the last position, $2 the floor of the original
update eventstore.log_state as l
set floor = f.floor
from (
    select greatest(
        $2::bigint,
        case when not exists (select from eventstore.events as e where e.position >= $1::bigint) then $1::bigint end
    ) as floor
) as f
where l.floor < f.floor
