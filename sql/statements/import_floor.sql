-- What is missing in the original up to here is missing in the copy; in the transaction that stores what comes behind it.
--   $1 the last missing position
update eventstore.log_state as l
set floor = $1
where l.floor < $1
