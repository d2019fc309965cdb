-- Retentions, where there is none that was set later.
--   $1 names, $2 whether they are prefixes, $3 truncate_before, $4 max_count, $5 max_age in microseconds, $6 when they were
--   set
insert into eventstore.retentions as r (name, is_prefix, truncate_before, max_count, max_age, changed_at, is_awaited)
select
    n.name, n.is_prefix, n.truncate_before, n.max_count, n.max_age * interval '1 microsecond', n.changed_at,
    not n.is_prefix and not exists (select from eventstore.streams as s where s.name = n.name)
from unnest($1, $2, $3, $4, $5, $6) as n (name, is_prefix, truncate_before, max_count, max_age, changed_at)
on conflict on constraint retentions_pkey do update
set truncate_before = excluded.truncate_before,
    max_count       = excluded.max_count,
    max_age         = excluded.max_age,
    changed_at      = excluded.changed_at,
    is_awaited      = excluded.is_awaited
where r.changed_at < excluded.changed_at
