-- The log that an import goes into.
select
    greatest(l.floor, (select e.position from eventstore.events as e order by e.position desc limit 1)) as head,
    l.payload = 'jsonb' as is_jsonb
from eventstore.log_state as l
