-- The links in a range of positions that do not fit what they link to. A purge removes an event and the links to it in one
-- transaction: a link without its event is damage.
--   $1 after this position, $2 through this one
select
    l.position,
    l.stream_version,
    coalesce((select s.name from eventstore.streams as s where s.stream_id = l.stream_id), '') as stream,
    l.link_to,
    o.position is null as is_dangling,
    o.link_to is not null as is_of_link,
    concat_ws(', ',
        case when l.type <> o.type then 'type' end,
        case when l.link_event_id <> o.event_id then 'link_event_id' end,
        case when l.link_stream_id <> o.stream_id then 'link_stream_id' end,
        case when l.link_version <> o.stream_version then 'link_version' end,
        case when l.link_created_at <> o.created_at then 'link_created_at' end,
        case when l.link_event_id is not null and l.data is distinct from o.data then 'data' end,
        case when l.link_event_id is not null and l.metadata is distinct from o.metadata then 'metadata' end
    ) as differing
from eventstore.events as l
left join eventstore.events as o on o.position = l.link_to
where l.position > $1
  and l.position <= $2
  and l.link_to is not null
  and (
      o.position is null
      or o.link_to is not null
      or l.type <> o.type
      or l.link_event_id <> o.event_id
      or l.link_stream_id <> o.stream_id
      or l.link_version <> o.stream_version
      or l.link_created_at <> o.created_at
      or (l.link_event_id is not null and (l.data is distinct from o.data or l.metadata is distinct from o.metadata)))
order by l.position
