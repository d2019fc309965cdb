-- The tables of one event store, in a schema of their own.
--
-- These files are written for a schema named eventstore and can be read (and run by psql) as they are; the library
-- puts its own schema's quoted name in the place of each "eventstore." prefix.

-- One row: what is true of the whole log. Never written by a plain append, so that it stays a single live row even
-- while a long transaction elsewhere keeps dead rows from being cleaned up. Its oid is the key of the log's lock.
create table eventstore.log_state (
    only_row      boolean     primary key default true check (only_row),
    -- No position at or below this one is ever given out (again); raised when the end of the log is deleted.
    floor         bigint      not null default 0,
    -- No event has more bytes of data and metadata together. It lets a reader bound a page's memory by its row count.
    largest_event bigint      not null default 4096,
    created_at    timestamptz not null default clock_timestamp()
);
insert into eventstore.log_state default values;

-- A stream's version is its number of events. A name belongs to one row; a stream that is deleted for good and made
-- anew gets a new id.
create table eventstore.streams (
    stream_id  bigint      generated always as identity primary key,
    name       text        collate "C" not null unique,
    version    bigint      not null check (version >= 0),
    created_at timestamptz not null,
    deleted_at timestamptz
) with (fillfactor = 75); -- room for the new version on the same page: no index is touched by an append

-- One row an event. Positions are handed out under the log's lock, which is held to the commit: they are the commit
-- order, without gaps, and whoever has seen one has seen everything below it.
create table eventstore.events (
    position       bigint      primary key,
    stream_id      bigint      not null,
    stream_version bigint      not null,
    created_at     timestamptz not null,
    event_id       uuid        not null,
    correlation_id uuid,
    causation_id   uuid,
    type           text        collate "C" not null,
    data           bytea       not null,
    metadata       bytea       not null,
    constraint events_stream_version_key unique (stream_id, stream_version),
    constraint events_event_id_key unique (event_id)
);

-- lz4 halves the time that a large payload takes, where the server was built with it.
do $function$
begin
    if (select 'lz4' = any (enumvals) from pg_catalog.pg_settings where name = 'default_toast_compression') then
        alter table eventstore.events alter column data set compression lz4;
        alter table eventstore.events alter column metadata set compression lz4;
    end if;
end
$function$;
