-- Snapshots of the Elixir library.
--   $1 after this source, $2 count
select k.source_uuid, k.source_version, k.source_type, k.created_at, k.metadata, k.data
from eventstore.snapshots as k
where k.source_version > 0
  and k.source_uuid > $1
order by k.source_uuid
limit $2
