-- Grants again what remember_grants has found, to all functions of that name.
do $function$
declare
    each record;
begin
    for each in
        select p.oid::regprocedure as signature, g.grantee, g.may_grant
        from pg_catalog.jsonb_to_recordset(pg_catalog.current_setting('eventstore_migration.grants')::jsonb)
            as g (called name, grantee text, may_grant boolean)
        join pg_catalog.pg_proc as p on p.proname = g.called
        where p.pronamespace = (
            select c.relnamespace from pg_catalog.pg_class as c where c.oid = 'eventstore.schema_migrations'::regclass)
    loop
        execute pg_catalog.format('grant execute on function %s to %s%s', each.signature, each.grantee,
            case when each.may_grant then ' with grant option' else '' end);
    end loop;
end
$function$
