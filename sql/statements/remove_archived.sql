-- $1 positions, $2 event ids, $3 the position before which the archive is, $4 ignore_subscriptions, $5 drop_links
select r.outcome, r.stream, r.name, r.head, r.link, r.events_removed, r.links_removed, r.links_dropped
from eventstore.remove_archived($1, $2, $3, $4, $5) as r
