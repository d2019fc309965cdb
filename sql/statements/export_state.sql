-- What an export begins with. The xmin of log_state tells whether a stream was deleted for good since: each such deletion
-- writes that row.
--   $1 a position: the last one that is in the file already
select
    greatest(l.floor, (select e.position from eventstore.events as e order by e.position desc limit 1)) as head,
    l.payload = 'jsonb' as is_jsonb,
    (select max(m.version) from eventstore.schema_migrations as m)::bigint as schema_version,
    current_database()::text as database,
    clock_timestamp() as begun_at,
    l.xmin::text as log_state,
    (select e.event_id from eventstore.events as e where e.position = $1) as event_id,
    exists (select from eventstore.events as e where e.link_to is not null) as has_links,
    l.floor
from eventstore.log_state as l
