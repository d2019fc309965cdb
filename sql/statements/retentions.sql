-- All retentions that are set.
select
    r.name, r.is_prefix, r.truncate_before, r.max_count, (extract(epoch from r.max_age) * 1000)::bigint as max_age, r.changed_at
from eventstore.retentions as r
order by r.is_prefix desc, r.name
