-- For the rest of the transaction the role that owns the schema and all that is in it, where the caller may be that one: what
-- is made anew belongs to it, and not to a member who has come to migrate.
do $function$
declare
    owner name := (
        select pg_catalog.pg_get_userbyid(c.relowner)
        from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where c.oid = 'eventstore.log_state'::pg_catalog.regclass and n.nspowner = c.relowner
          and not exists (
              select from pg_catalog.pg_proc as p where p.pronamespace = n.oid and p.proowner <> n.nspowner)
          and not exists (
              select from pg_catalog.pg_class as o where o.relnamespace = n.oid and o.relowner <> n.nspowner));
begin
    if owner <> current_user and pg_catalog.pg_has_role(owner, 'MEMBER') then
        execute pg_catalog.format('set local role %I', owner);
    end if;
exception when insufficient_privilege then
    null; -- a member who may not become it may still do what its membership allows
end
$function$
