-- $1 position, $2 how many events, $3 ignore_subscriptions
select r.outcome, r.stream, r.name, r.head, r.is_done, r.events_removed, r.links_removed
from eventstore.remove_before($1, $2, $3) as r
