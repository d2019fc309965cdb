-- The subscriptions, with the checkpoints that they would have if the log ended at a position.
--   $1 the position; a number
copy (
    select
        s.name,
        s.stream,
        s.created_at,
        case
            when s.stream = '$all' then least(s.position, $1)
            when st.stream_id <> s.stream_id then 0 -- the stream was made anew
            when s.position <= $1 then s.position
            else coalesce(last.position, 0)
        end as position,
        case
            when s.stream = '$all' or st.stream_id <> s.stream_id then 0
            when s.position <= $1 then s.version
            else coalesce(last.stream_version, 0)
        end as version,
        case
            when st.stream_id <> s.stream_id then null
            when s.position <= $1 then s.event_id
            else last.event_id
        end as event_id,
        s.deliveries::bigint as deliveries,
        least(s.delivered, $1) as delivered,
        least(s.announced, $1) as announced
    from eventstore.subscriptions as s
    left join eventstore.streams as st on st.name = s.stream
    left join lateral (
        (
            select e.position, 0 as stream_version, e.event_id
            from eventstore.events as e
            where s.stream = '$all'
              and s.position > $1
              and e.position = $1
        )
        union all
        (
            select e.position, e.stream_version, e.event_id
            from eventstore.events as e
            where s.position > $1
              and e.stream_id = st.stream_id
              and e.position <= $1
            order by e.stream_version desc
            limit 1
        )
    ) as last on true
    order by s.subscription_id
) to stdout (format binary)
