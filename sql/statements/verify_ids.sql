-- The next ids in their order, by the unique index: one row that sums them up, and one for each id that is there twice.
--   $1 from this id, $2 at most so many
with page as materialized (
    select e.event_id, lag(e.event_id) over (order by e.event_id) as before
    from (
        select n.event_id from eventstore.events as n where n.event_id >= $1 order by n.event_id limit $2
    ) as e
)
select 'page' as kind, (select count(*) from page) as positions_or_count, (
    select p.event_id::text from page as p order by p.event_id desc limit 1) as id, ''
union all
select 'twice', null, p.event_id::text, (
    select string_agg(e.position::text, ', ' order by e.position) from eventstore.events as e where e.event_id = p.event_id)
from page as p
where p.event_id = p.before
