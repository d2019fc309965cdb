-- How far the sequences are, and the ids that they should be behind of.
select
    pg_get_serial_sequence('eventstore.streams', 'stream_id') as sequence,
    'streams' as table,
    coalesce(pg_sequence_last_value(pg_get_serial_sequence('eventstore.streams', 'stream_id')::regclass), 0) as last,
    coalesce((select s.stream_id from eventstore.streams as s order by s.stream_id desc limit 1), 0) as largest
union all
select
    pg_get_serial_sequence('eventstore.subscriptions', 'subscription_id'),
    'subscriptions',
    coalesce(pg_sequence_last_value(pg_get_serial_sequence('eventstore.subscriptions', 'subscription_id')::regclass), 0),
    coalesce((select s.subscription_id from eventstore.subscriptions as s order by s.subscription_id desc limit 1), 0)
