-- What a log holds in a range, but for streams that are being deleted for good, and links to them: an export leaves those out.
--   $1 after this position, $2 through this one
with gone as (
    select s.stream_id
    from eventstore.streams as s
    where s.deletion is not null
      and starts_with(s.name, '$deleted ')
), held as not materialized (
    select e.position, e.event_id
    from eventstore.events as e
    where e.position > $1
      and e.position <= $2
      and not exists (select from gone as g where g.stream_id = e.stream_id)
      and (
          e.link_to is null
          or not exists (
              select
              from eventstore.events as o
              join gone as g on g.stream_id = o.stream_id
              where o.position = e.link_to)
      )
)
select
    (select count(*) from held) as events,
    first.position,
    first.event_id,
    last.position,
    last.event_id,
    pg_is_in_recovery() as is_standby,
    current_database()::text as database
from (values (1)) as one (n)
left join lateral (select h.position, h.event_id from held as h order by h.position limit 1) as first on true
left join lateral (select h.position, h.event_id from held as h order by h.position desc limit 1) as last on true
