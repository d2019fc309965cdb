-- The group limit of A1: what a group commit of so many writers has to write, by one session. One statement a transaction
-- gives each of as many streams a new version, and inserts an event into each.
--
-- The payload goes over once a statement, and is the same for all rows.
with advanced as (
    update limits.streams as s set version = s.version + 1
    from generate_series(1, :writers::bigint) as of_group (stream_id)
    where s.stream_id = of_group.stream_id
    returning s.stream_id, s.version
)
insert into limits.group_events (position, stream_id, stream_version, created_at, event_id, type, data, metadata)
select nextval('limits.positions'), advanced.stream_id, advanced.version, clock_timestamp(), gen_random_uuid(),
    :type, :data, :metadata
from advanced;
