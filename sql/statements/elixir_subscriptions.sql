-- Subscriptions of the Elixir library; of those to all streams the event at the checkpoint.
--   $1 the last number that was imported
select
    u.stream_uuid,
    u.subscription_name,
    u.created_at,
    coalesce(u.last_seen, 0) as last_seen,
    (
        select a.event_id
        from eventstore.stream_events as a
        where u.stream_uuid = '$all'
          and a.stream_id = 0
          and a.stream_version <= least(coalesce(u.last_seen, 0), $1)
        order by a.stream_version desc
        limit 1
    ) as event_id
from eventstore.subscriptions as u
order by u.subscription_id
