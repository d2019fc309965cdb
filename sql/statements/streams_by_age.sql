-- A page of the streams in the order in which they were made: as quick at the end of a million streams as at their
-- beginning.
--   $1 after this id; $2 to $6 as in streams.sql, and so are the marks
--
-- With a prefix there are two ways: to take those of that prefix and sort them, or to go by age and look at each name.
-- The planner cannot know which is shorter, so that they are counted, up to where it does not matter any more.
with has_few as materialized (
    select case
        when $2 = '' then false
        else (
            select count(*) <= 10000
            from (
                select from eventstore.streams as s
                where s.name >= $2
                  and s.name < $3
                  and s.deleted_at is not null -- deleted
                order by s.name -- in order, so that it stops there
                limit 10001
            ) as named
        )
    end as is_true
)
(
    select s.name, s.version, s.created_at, s.deleted_at, s.stream_id
    from (
        select * from eventstore.streams as s
        where s.name >= $2
          and s.name < $3
          and s.deleted_at is not null -- deleted
        offset 0 -- found by name
    ) as s
    where (select is_true from has_few)
      and s.stream_id > $1 -- forward
      and s.stream_id < $1 -- backward
      and strpos(s.name, $5) > 0
      and not starts_with(s.name, '$') -- those that are being deleted for good
      and (s.deleted_at is null or $6)
    order by s.stream_id -- forward
    order by s.stream_id desc -- backward
    limit $4
)
union all
(
    select s.name, s.version, s.created_at, s.deleted_at, s.stream_id
    from eventstore.streams as s
    where not (select is_true from has_few)
      and s.stream_id > $1 -- forward
      and s.stream_id < $1 -- backward
      and starts_with(s.name, $2)
      and strpos(s.name, $5) > 0
      and not starts_with(s.name, '$')
      and s.deleted_at is not null -- deleted
      and (s.deleted_at is null or $6)
    order by s.stream_id -- forward
    order by s.stream_id desc -- backward
    limit $4
)
