-- Snapshots, where there is none of the same version or a newer one.
--   $1 sources, $2 versions, $3 types, $4 data, $5 metadata, $6 when they were recorded
insert into eventstore.snapshots as k (source, version, type, data, metadata, recorded_at)
select n.source, n.version, n.type, n.data, n.metadata, n.recorded_at
from unnest($1, $2, $3, $4, $5, $6) as n (source, version, type, data, metadata, recorded_at)
on conflict (source) do update
set version     = excluded.version,
    type        = excluded.type,
    data        = excluded.data,
    metadata    = excluded.metadata,
    recorded_at = excluded.recorded_at
where k.version < excluded.version
