-- The end of the log of Message DB, and where an event is in it. A standby does not know who writes: see
-- message_db_writers.
--   $1 a position
select
    coalesce((select m.global_position from eventstore.messages as m order by m.global_position desc limit 1), 0) as head,
    (select m.id from eventstore.messages as m where m.global_position = $1) as event_id,
    pg_is_in_recovery() as is_standby
