-- Where a verification begins: how far the log goes, and which indexes it can go by.
select
    (select count(*) from eventstore.log_state) as states,
    coalesce((select max(l.floor) from eventstore.log_state as l), 0) as floor,
    coalesce((select e.position from eventstore.events as e order by e.position limit 1), 0) as first_position,
    coalesce((select e.position from eventstore.events as e order by e.position desc limit 1), 0) as last_position,
    coalesce((select s.stream_id from eventstore.streams as s order by s.stream_id desc limit 1), 0) as last_stream,
    coalesce((select s.subscription_id from eventstore.subscriptions as s order by s.subscription_id desc limit 1), 0)
        as last_subscription,
    (
        select coalesce(string_agg(k.columns, ' '), '')
        from (
            select
                i.indisunique and i.indisvalid and i.indisready and i.indpred is null as is_good,
                (
                    select string_agg(a.attname, ',' order by n.place)
                    from unnest(i.indkey) with ordinality as n (number, place)
                    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = n.number
                ) as columns
            from pg_index as i
            where i.indrelid = 'eventstore.events'::regclass
        ) as k
        where k.is_good
    ) as unique_keys
