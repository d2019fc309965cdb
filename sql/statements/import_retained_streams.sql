-- Notes on the streams that have a retention of their own where reads have to look for it, as setting it does.
update eventstore.streams as s
set begins_late = true
from eventstore.retentions as r
where s.name = r.name
  and not r.is_prefix
  and s.begins_late is not true
