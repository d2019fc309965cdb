-- The limit of AH: what writers of one stream do who keep its version in a row. One statement, so that the row is not
-- held over a round trip to the client.
with counted as (
    update limits.counter set version = version + 1 where id = 1 returning version
)
insert into limits.events (position, stream_id, stream_version, created_at, event_id, type, data, metadata)
select nextval('limits.positions'), 1, counted.version, clock_timestamp(), gen_random_uuid(), :type, :data, :metadata
from counted;
