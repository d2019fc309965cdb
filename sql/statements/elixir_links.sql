-- What comes next in a stream of the Elixir library: links, and where they end.
--   $1 stream, $2 after this version, $3 before this one, $4 count
select
    l.stream_version,
    l.event_id,
    l.original_stream_id <> l.stream_id as is_link,
    coalesce(
        (select a.stream_version from eventstore.stream_events as a where a.event_id = l.event_id and a.stream_id = 0),
        0) as number
from eventstore.streams as s
join eventstore.stream_events as l on l.stream_id = s.stream_id
where s.stream_uuid = $1
  and l.stream_version > $2
  and l.stream_version < $3
order by l.stream_version
limit $4
