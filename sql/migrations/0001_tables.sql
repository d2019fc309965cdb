-- The tables of one event store, in a schema of their own.
--
-- These files are written for a schema named eventstore and can be read (and run by psql) as they are; the library
-- puts its own schema's quoted name in the place of each "eventstore." prefix. For a store whose payloads are jsonb it
-- drops the lines that end with "-- bytea", and brings in those that begin with "--jsonb".

-- The history that the server is on: it gets a new number with each promotion of a standby. Positions are only comparable
-- within one, as far as the others have not lost anything: after an asynchronous fail-over, the end of the log is gone,
-- and the positions of its events are given out again. 0 on a standby, which cannot tell.
create function eventstore.timeline()
returns integer
language sql
as $function$
    select case
        when pg_catalog.pg_is_in_recovery() then 0
        else ('x' operator (pg_catalog.||) pg_catalog.substr(
            pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::integer
    end
$function$;

-- Where a new history began: what the log had at most then. Written by the first append after a promotion.
create table eventstore.forks (
    timeline   integer     not null,
    head       bigint      not null, -- the last position that both have
    created_at timestamptz not null default clock_timestamp()
);

-- One row: what is true of the whole log. Never written by a plain append, so that it stays a single live row even
-- while a long transaction elsewhere keeps dead rows from being cleaned up. Its oid is the key of the log's lock.
create table eventstore.log_state (
    only_row      boolean     primary key default true check (only_row),
    -- No position at or below this one is ever given out (again); raised when the end of the log is deleted.
    floor         bigint      not null default 0,
    -- No event has more bytes of data and metadata together. It lets a reader bound a page's memory by its row count.
    largest_event bigint      not null default 4096,
    -- The history that the last event was appended in.
    timeline      integer     not null default eventstore.timeline(),
    payload       text        not null default 'bytea', -- bytea
--jsonb     payload       text        not null default 'jsonb',
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
    deleted_at timestamptz,
    deletion   uuid -- which call has deleted it, so that the call can be repeated when its answer was lost
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
    data           bytea       not null, -- bytea
    metadata       bytea       not null, -- bytea
--jsonb     data           jsonb,
--jsonb     metadata       jsonb,

    -- A link: the event at this position is in this stream, too. The row has an id of its own, and the event's type. Of a
    -- small event it is a copy, so that a stream of links is read as quickly as any other; what the copy needs besides is
    -- here, and null if the event is too large for that. Nulls take no room in the rows of plain events.
    link_to         bigint,
    link_stream_id  bigint,
    link_version    bigint,
    link_event_id   uuid,
    link_created_at timestamptz,
    constraint events_stream_version_key unique (stream_id, stream_version),
    constraint events_event_id_key unique (event_id)
);

-- An event is once in a stream; and its links are found when it is deleted. Costs events that are no links nothing.
create unique index events_link_key on eventstore.events (link_to, stream_id) where link_to is not null;

-- The bytes of an event's payload.
create function eventstore.payload_size(data bytea, metadata bytea) -- bytea
--jsonb create function eventstore.payload_size(data jsonb, metadata jsonb)
returns integer
language sql
immutable
as $function$
    select octet_length(data) + octet_length(metadata) -- bytea
--jsonb     select coalesce(octet_length(data::text), 0) + coalesce(octet_length(metadata::text), 0)
$function$;

-- lz4 halves the time that a large payload takes, where the server was built with it.
do $function$
begin
    if (select 'lz4' = any (enumvals) from pg_catalog.pg_settings where name = 'default_toast_compression') then
        alter table eventstore.events alter column data set compression lz4;
        alter table eventstore.events alter column metadata set compression lz4;
    end if;
end
$function$;

-- Notes the beginning of a new history; called with the log's lock held. Returns true.
create function eventstore.record_fork()
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
begin
    delete from forks where forks.timeline >= timeline(); -- of a cluster that this schema was dumped from
    insert into forks (timeline, head)
    select timeline(), greatest(l.floor, (select e.position from events as e order by e.position desc limit 1))
    from log_state as l;
    update log_state set timeline = timeline();
    return true;
end
$function$;

revoke execute on function eventstore.record_fork from public;

-- Whether the log still holds what was seen at a position in a history, and before it.
create function eventstore.is_held(seen_timeline integer, seen_position bigint)
returns boolean
language sql
stable
as $function$
    select seen_timeline <= eventstore.timeline()
        and seen_position <= greatest(
            l.floor, (select e.position from eventstore.events as e order by e.position desc limit 1))
        and not exists (
            select from eventstore.forks as f
            where f.timeline > seen_timeline and f.timeline <= eventstore.timeline() and f.head < seen_position)
    from eventstore.log_state as l
$function$;
