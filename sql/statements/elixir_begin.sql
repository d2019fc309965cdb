-- Of a schema of the Elixir library EventStore: how it keeps payloads, and the place of an event in its log.
--   $1 an event
select
    (select a.atttypid::bigint from pg_attribute as a
     where a.attrelid = 'eventstore.events'::regclass and a.attname = 'data') as data_type,
    (select a.atttypid::bigint from pg_attribute as a
     where a.attrelid = 'eventstore.events'::regclass and a.attname = 'metadata') as metadata_type,
    (select a.atttypid::bigint from pg_attribute as a
     where a.attrelid = 'eventstore.snapshots'::regclass and a.attname = 'data') as snapshot_type,
    (select a.atttypid::bigint from pg_attribute as a
     where a.attrelid = 'eventstore.snapshots'::regclass and a.attname = 'metadata') as snapshot_metadata_type,
    (select l.stream_version from eventstore.stream_events as l where l.event_id = $1 and l.stream_id = 0) as number
