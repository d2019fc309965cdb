-- The limit of A100: 100 rows a statement, to a new stream each time.
\set append :append + 1
\set stream :client_id * 1000000000 + :append
insert into limits.events (position, stream_id, stream_version, created_at, event_id, type, data, metadata)
select nextval('limits.positions'), :stream, row.version, clock_timestamp(), gen_random_uuid(),
    row.type, row.data, row.metadata
from unnest(:types::text[], :datas::bytea[], :metadatas::bytea[]) with ordinality as row (type, data, metadata, version);
