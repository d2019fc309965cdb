-- $1 prefix (null = streams with a retention of their own), $2 after this name, $3 how many events, $4 ignore_subscriptions
select s.reached, s.is_done, s.events_removed, s.links_removed, s.streams_done, s.streams_held
from eventstore.scavenge($1, $2, $3, $4) as s
