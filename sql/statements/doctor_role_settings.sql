-- What is set for this database, and for roles that may use the schema.
--   $1 the schema, as a literal
select
    coalesce(d.datname, '') as database,
    coalesce(r.rolname, '') as role,
    split_part(c.setting, '=', 1) as name,
    substr(c.setting, strpos(c.setting, '=') + 1) as value
from pg_db_role_setting as s
cross join unnest(s.setconfig) as c (setting)
left join pg_database as d on d.oid = s.setdatabase
left join pg_roles as r on r.oid = s.setrole
where (s.setdatabase = 0 or d.datname = current_database())
  and (s.setrole = 0 or r.rolname = current_user or coalesce(has_schema_privilege(s.setrole, to_regnamespace($1), 'usage'), false))
order by 1, 2, 3
