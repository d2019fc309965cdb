-- What a hard delete of a stream would remove; no row = there is none.
--   $1 name
select
    (select count(*) from eventstore.events as e where e.stream_id = s.stream_id and e.link_to is null) as events,
    (select count(*) from eventstore.events as e where e.stream_id = s.stream_id and e.link_to is not null) as links,
    (
        select count(*)
        from eventstore.events as e
        join eventstore.events as l on l.link_to = e.position
        where e.stream_id = s.stream_id and l.link_to is not null
    ) as links_to_it,
    (select count(*) from eventstore.subscriptions as p where p.stream = s.name) as subscriptions
from eventstore.streams as s
where s.name = $1
