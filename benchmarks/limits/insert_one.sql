-- The limit of A1: one row a transaction, by as many clients as there are writers (100 at most).
--
-- The position comes from a sequence: faster here than one made by the client, whose rows would not go in at the right
-- edge of the index.
\set version :version + 1
insert into limits.events (position, stream_id, stream_version, created_at, event_id, type, data, metadata)
values (nextval('limits.positions'), :client_id + 1, :version, clock_timestamp(), gen_random_uuid(),
    :type, :data, :metadata);
