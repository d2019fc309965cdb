-- The snapshot of a source; no row = there is none.
--   $1 source
select k.version, k.type, k.data, k.metadata, k.recorded_at
from eventstore.snapshots as k
where k.source = $1
