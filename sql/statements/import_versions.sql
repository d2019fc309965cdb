-- The versions that streams have by events that were stored now. A stream that was deleted was restored, or it would have
-- no new events.
--   $1 ids of streams, $2 versions
update eventstore.streams as s
set version    = n.version,
    deleted_at = null,
    deletion   = null
from unnest($1, $2) as n (stream_id, version)
where s.stream_id = n.stream_id
  and s.version < n.version
