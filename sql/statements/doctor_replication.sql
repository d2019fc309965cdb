-- Standbys that are connected, how many of them are waited for, and of how many this role may not see that.
select
    count(*) as standbys,
    count(*) filter (where r.sync_state in ('sync', 'quorum')) as waited_for,
    count(*) filter (where r.sync_state is null) as hidden,
    (select count(*) from pg_stat_activity as a where a.wait_event = 'SyncRep') as waiting
from pg_stat_replication as r
