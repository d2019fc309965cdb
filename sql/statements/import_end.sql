-- The end of the log, where the last events of the original were deleted for good: no position is given out twice.
--   $1 the position
update eventstore.log_state as l
set floor = $1
where l.floor < $1
  and not exists (select from eventstore.events as e where e.position >= $1)
