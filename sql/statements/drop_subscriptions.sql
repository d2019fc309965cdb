-- The subscriptions that would be lost with a schema, and those of them that have an owner.
select
    count(*) as subscriptions,
    coalesce(string_agg(concat(s.name, ' of ', s.owner_text), ', ' order by s.name)
        filter (where s.owner is not null and clock_timestamp() between s.renewed_at and s.renewed_at + s.lease), '') as owned
from eventstore.subscriptions as s
