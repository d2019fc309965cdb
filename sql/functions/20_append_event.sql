-- Appends one event: the lean path of a writer that has the log for itself.
--
-- Returns {0, version, position, created_at in microseconds since 1970, timeline}, or whatever append_events returns,
-- where anything is out of the ordinary. An event id that is stored already, given to a stream whose version matches, is
-- reported by the unique index (23505, events_event_id_key): looking first would cost every append that is not a retry.
--
-- The price of this function is paid by every lone append, so it is written for speed:
--   * It has no SET clause: setting and resetting search_path takes 30 microseconds, an eighth of an append. It is
--     SECURITY DEFINER all the same, so each name in it is qualified, operators included, or a keyword of the grammar.
--   * The lock is taken in an expression, not a statement; the statements after it see all that was committed before.
--   * It returns an array: a row costs 20 microseconds more.
--   * A writer that has seen the head, as one that is alone has, is compared with the row that tells the head.
create or replace function eventstore.append_event(
    stream_name    pg_catalog.text,
    expected       bigint, -- an exact version, 0 = no stream, -1 = any version, -2 = the stream exists
    id             pg_catalog.uuid,
    event_type     pg_catalog.text,
    event_data     pg_catalog.bytea,
    event_metadata pg_catalog.bytea,
    correlation    pg_catalog.uuid,
    causation      pg_catalog.uuid,
    created        timestamp with time zone, -- null = now
    is_retry       boolean,     -- an earlier attempt of this very append may have been carried out
    seen_position  bigint default null,         -- what the writer has seen of the log: if the log does not hold that,
    seen_event     pg_catalog.uuid default null, -- ES002 is raised, and nothing is written; null = not known
    after_event    pg_catalog.uuid default null, -- the last event of the stream; with an exact version; null = any
    own            pg_catalog.regclass default 'eventstore.log_state'::pg_catalog.regclass -- see refuse_schema
)
returns bigint[]
language plpgsql
security definer
as $function$
declare
    lock_taken pg_catalog.text;
    stream     bigint;
    version    bigint;
    position_  bigint;
    created_   timestamp with time zone;
    size       integer;
    is_after   boolean := true; -- the stream's last event is the one that was named
--jsonb     document   pg_catalog.jsonb;
--jsonb     document_metadata pg_catalog.jsonb;
begin
    if pg_catalog.current_setting('transaction_isolation') operator (pg_catalog.<>) 'read committed' then
        raise exception 'appending needs a READ COMMITTED transaction: above it the head of the log cannot be seen'
            using errcode = '25008';
    end if;
    if own::pg_catalog.oid operator (pg_catalog.<>) 'eventstore.log_state'::pg_catalog.regclass::pg_catalog.oid then
        perform eventstore.refuse_schema(own);
    end if;
    if (pg_catalog.octet_length(stream_name) operator (pg_catalog.>) 0
        and pg_catalog.octet_length(stream_name) operator (pg_catalog.<=) 512
        and not pg_catalog.starts_with(stream_name, '$')
        and pg_catalog.octet_length(event_type) operator (pg_catalog.>) 0
        and pg_catalog.octet_length(event_type) operator (pg_catalog.<=) 512
        and id operator (pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
        and expected operator (pg_catalog.>=) -2
        and (after_event is null or expected operator (pg_catalog.>) 0)
        and (created is null or (created operator (pg_catalog.>=) '0001-01-01 00:00:00+00'::timestamp with time zone
            and created operator (pg_catalog.<) '10000-01-01 00:00:00+00'::timestamp with time zone))
    ) is not true then
        raise exception 'the event % of type % for stream % at version % is refused',
            id, pg_catalog.left(event_type, 100), pg_catalog.left(stream_name, 100), expected
            using errcode = '22023',
                  hint = 'Names of streams and types have 1 to 512 bytes, those of streams do not begin with a dollar sign, ids are not nil, an expected version is -2 or more, and above 0 if a last event is expected, created_at is in the years 1 to 9999.';
    end if;
    size := pg_catalog.octet_length(event_data) operator (pg_catalog.+) pg_catalog.octet_length(event_metadata); -- bytea
    -- As jsonb, a short number may become a long text: what counts is what is read.
--jsonb     if pg_catalog.octet_length(event_data) operator (pg_catalog.>) 0 then
--jsonb         document := pg_catalog.convert_from(event_data, 'UTF8');
--jsonb     end if;
--jsonb     if pg_catalog.octet_length(event_metadata) operator (pg_catalog.>) 0 then
--jsonb         document_metadata := pg_catalog.convert_from(event_metadata, 'UTF8');
--jsonb     end if;
--jsonb     size := coalesce(pg_catalog.octet_length(document::pg_catalog.text), 0)
--jsonb         operator (pg_catalog.+) coalesce(pg_catalog.octet_length(document_metadata::pg_catalog.text), 0);
    lock_taken := pg_catalog.pg_advisory_xact_lock(
        'eventstore.log_state'::pg_catalog.regclass::bigint operator (pg_catalog.+) 7311000000000000000);

    if after_event is not null then
        is_after := exists (
            select
            from eventstore.streams as s
            join eventstore.events as e
                on e.stream_id operator (pg_catalog.=) s.stream_id and e.stream_version operator (pg_catalog.=) s.version
            where s.name operator (pg_catalog.=) stream_name and e.event_id operator (pg_catalog.=) after_event);
    end if;

    if expected operator (pg_catalog.<>) 0 and size operator (pg_catalog.<=) 67108864 and is_after then
        update eventstore.streams as s
        set version = s.version operator (pg_catalog.+) 1
        where s.name operator (pg_catalog.=) stream_name
          and s.deleted_at is null
          and (expected operator (pg_catalog.<) 0 or s.version operator (pg_catalog.=) expected)
        returning s.stream_id, s.version into stream, version;
    end if;

    if stream is null and expected operator (pg_catalog.=) any (array[0, -1])
        and size operator (pg_catalog.<=) 67108864
    then
        insert into eventstore.streams as s (name, version, created_at)
        values (stream_name, 1, coalesce(created, pg_catalog.clock_timestamp()))
        on conflict do nothing -- of the name, or of the id: see append_events_carefully
        returning s.stream_id, s.version into stream, version;
    end if;

    if stream is null then
        return eventstore.append_events(
            array[stream_name], array[expected], array[1], array[created], 0, array[1], array[expected], array[1], array[is_retry],
            array[1], array[1], array[id], array[event_type], array[event_data], array[event_metadata],
            array[correlation], array[causation], array[created], null, null,
            null, true, seen_position, seen_event, array[after_event]);
    end if;

    -- A clock that was set back by up to a minute must not show in the log.
    insert into eventstore.events as e
        (position, stream_id, stream_version, created_at,
         event_id, correlation_id, causation_id, type, data, metadata)
    select
        greatest(last.position, log.floor) operator (pg_catalog.+) 1, stream, version,
        coalesce(created, case
            when last.created_at operator (pg_catalog.<) (clock.now operator (pg_catalog.+) interval '1 minute')
            then greatest(clock.now, last.created_at)
            else clock.now
        end),
        id, correlation, causation, event_type,
        event_data, event_metadata -- bytea
--jsonb         document, document_metadata
    from eventstore.log_state as log
    cross join pg_catalog.clock_timestamp() as clock (now)
    left join lateral (
        select newest.position, newest.created_at, newest.event_id
        from eventstore.events as newest
        order by newest.position desc
        limit 1
    ) as last on true
    where (last.position operator (pg_catalog.<>) seen_position or last.event_id operator (pg_catalog.=) seen_event) is not false
      and (log.timeline operator (pg_catalog.=) eventstore.timeline() or eventstore.record_fork())
    returning e.position, e.created_at into position_, created_;

    -- The exception takes back what was written.
    if position_ is null or seen_position operator (pg_catalog.>=) position_ then
        perform eventstore.refuse_history(seen_position, seen_event);
    elsif seen_position operator (pg_catalog.<) (position_ operator (pg_catalog.-) 1) then
        if exists (
            select from eventstore.events as e
            where e.position operator (pg_catalog.=) seen_position and e.event_id operator (pg_catalog.<>) seen_event)
        then
            perform eventstore.refuse_history(seen_position, seen_event);
        end if;
    end if;

    -- Of a log that was empty the largest event is known from here on.
    if size operator (pg_catalog.>) 4096 or position_ operator (pg_catalog.=) 1 then
        update eventstore.log_state
        set largest_event = greatest(size, 4096)
        where largest_event operator (pg_catalog.<) size
           or (largest_event is null and position_ operator (pg_catalog.=) 1);
    end if;

    return array[0, version, position_,
        (extract(epoch from created_) operator (pg_catalog.*) 1000000::numeric)::bigint,
        eventstore.timeline()];
end
$function$;

revoke execute on function eventstore.append_event from public;
