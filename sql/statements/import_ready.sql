-- Whether the log is free behind a position, with the log's lock held. Notes the beginning of a new history, as an append
-- does, and brings the ids of new streams behind those of streams that were stored by another way.
--   $1 the last position that was imported (0 = none)
select
    (select e.event_id from eventstore.events as e where e.position = $1) as last_event,
    present.position,
    present.event_id,
    l.largest_event is null and not exists (select from eventstore.events) as is_empty,
    (
        select setval('eventstore.streams_stream_id_seq'::regclass, newest.stream_id)
        from (select s.stream_id from eventstore.streams as s order by s.stream_id desc limit 1) as newest
        where newest.stream_id > coalesce(pg_sequence_last_value('eventstore.streams_stream_id_seq'::regclass), 0)
    ) as newest_stream
from eventstore.log_state as l
left join lateral (
    select e.position, e.event_id
    from eventstore.events as e
    where e.position > $1
    order by e.position
    limit 1
) as present on true
where l.timeline = eventstore.timeline() or eventstore.record_fork()
