-- How far the subscriptions of one name are, on whatever stream.
select s.stream, s.position, s.version from eventstore.subscriptions as s where s.name = $1
