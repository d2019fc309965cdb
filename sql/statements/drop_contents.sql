-- What would be lost with a schema. Its version may be an old one.
select
    (select count(*) from eventstore.events) as events,
    (select count(*) from eventstore.streams) as streams
