-- The events that a page's links stand for, in the order of the links. A row of nulls is an event that was deleted for
-- good.
--
-- The links are cut so that their events cannot exceed max_bytes, going by the largest event that the log holds; see
-- read_stream. The caller asks again for the rest, if it has room for more.
--   $1 positions, $2 max_bytes
select
    e.stream_version, e.position, e.created_at, e.event_id, e.correlation_id, e.causation_id,
    e.type, e.data, e.metadata, e.link_to, e.stream_id
from (
    select asked.position, asked.place
    from pg_catalog.unnest($1::bigint[]) with ordinality as asked (position, place)
    order by asked.place
    limit greatest(1, $2 / (select largest_event from eventstore.log_state))
) as l
left join eventstore.events as e on e.position = l.position
order by l.place
