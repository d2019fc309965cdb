-- Snapshots: state that was made of a stream's events, kept to save reading them again. One for each source.
create table eventstore.snapshots (
    source      text        collate "C" primary key,
    version     bigint      not null check (version >= 1),
    type        text        collate "C" not null,
    data        bytea       not null,
    metadata    bytea       not null,
    recorded_at timestamptz not null default clock_timestamp()
);

-- As for the payloads of events.
do $function$
begin
    if (select 'lz4' = any (enumvals) from pg_catalog.pg_settings where name = 'default_toast_compression') then
        alter table eventstore.snapshots alter column data set compression lz4;
        alter table eventstore.snapshots alter column metadata set compression lz4;
    end if;
end
$function$;

-- Keeps a snapshot, unless there is a newer one of its source; one of the same version is replaced. Returns whether it was
-- kept. Who comes at the same time waits, and then compares with what the other has left: the newest wins, whoever is last.
create function eventstore.record_snapshot(
    snapshot_source   text,
    snapshot_version  bigint,
    snapshot_type     text,
    snapshot_data     bytea,
    snapshot_metadata bytea
)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
begin
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
create function eventstore.delete_snapshot(snapshot_source text)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
begin
    delete from snapshots as kept where kept.source = snapshot_source;
    return found;
end
$function$;

revoke execute on function eventstore.record_snapshot, eventstore.delete_snapshot from public;
