-- What the server, the database and the role are, for an examination: one row.
select
    current_setting('server_version_num')::integer as version,
    split_part(current_setting('server_version'), ' ', 1) as version_text,
    pg_is_in_recovery() as is_standby,
    extract(epoch from clock_timestamp())::bigint as now,
    current_user::text as role,
    current_database()::text as database,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') as sees_all,
    current_setting('max_connections')::integer as max_connections,
    current_setting('superuser_reserved_connections')::integer
        + coalesce(current_setting('reserved_connections', true)::integer, 0) as reserved_connections,
    (select coalesce(sum(s.numbackends), 0) from pg_stat_database as s) as backends,
    d.datconnlimit as database_limit,
    (select s.numbackends from pg_stat_database as s where s.datid = d.oid) as database_backends,
    r.rolconnlimit as role_limit,
    (select count(*) from pg_stat_activity as a where a.usesysid = r.oid) as role_backends,
    age(d.datfrozenxid) as xid_age,
    mxid_age(d.datminmxid) as multixact_age,
    pg_encoding_to_char(d.encoding) as encoding,
    current_setting('synchronous_standby_names') as standby_names
from pg_database as d
join pg_roles as r on r.rolname = current_user
where d.datname = current_database()
