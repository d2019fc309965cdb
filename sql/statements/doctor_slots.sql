-- Replication slots: what they keep the server from removing.
select
    s.slot_name::text,
    s.active,
    coalesce(age(s.xmin), -1) as xmin_age,
    coalesce(age(s.catalog_xmin), -1) as catalog_xmin_age,
    coalesce(pg_wal_lsn_diff(
        case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end, s.restart_lsn), 0)::bigint
        as kept_bytes,
    coalesce(s.wal_status, '') as wal_status
from pg_replication_slots as s
order by 1
