-- How many events there are in a range of the log, but for those that are being deleted for good, and links to them.
--   $1 after this position, $2 through this one
with gone as (
    select s.stream_id
    from eventstore.streams as s
    where s.deletion is not null
      and starts_with(s.name, '$deleted ')
)
select
    (select count(*) from eventstore.events as e where e.position > $1 and e.position <= $2)
    - (
        select count(*)
        from gone
        join eventstore.events as e on e.stream_id = gone.stream_id
        where e.position > $1
          and e.position <= $2
    ) - (
        select count(*)
        from gone
        join eventstore.events as o on o.stream_id = gone.stream_id
        join eventstore.events as l on l.link_to = o.position
        where l.position > $1
          and l.position <= $2
          and not exists (select from gone as other where other.stream_id = l.stream_id)
    ) as events
