-- Keeps a snapshot, unless there is a newer one of its source; one of the same version is replaced. Returns whether it was
-- kept. Who comes at the same time waits, and then compares with what the other has left: the newest wins, whoever is last.
create or replace function eventstore.record_snapshot(
    snapshot_source   text,
    snapshot_version  bigint,
    snapshot_type     text,
    snapshot_data     bytea,
    snapshot_metadata bytea,
    own               regclass default 'eventstore.log_state'::regclass
)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
    insert into snapshots as kept (source, version, type, data, metadata)
    values (snapshot_source, snapshot_version, snapshot_type, snapshot_data, snapshot_metadata)
    on conflict (source) do update
    set version     = excluded.version,
        type        = excluded.type,
        data        = excluded.data,
        metadata    = excluded.metadata,
        recorded_at = clock_timestamp()
    where kept.version <= excluded.version;
    return found;
end
$function$;

-- Forgets the snapshot of a source. Returns whether there was one.
create or replace function eventstore.delete_snapshot(snapshot_source text, own regclass default 'eventstore.log_state'::regclass)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
    delete from snapshots as kept where kept.source = snapshot_source;
    return found;
end
$function$;

revoke execute on function eventstore.record_snapshot, eventstore.delete_snapshot from public;
