-- The first version of a stream that a read shows: what is before it has expired, or is not stored any more. One more than
-- the stream's version: nothing is left to show.
--
-- Each setting of the stream's own counts, and where it has none, that of the longest prefix of its name. An event has
-- expired if one of them says so: its version is below truncate_before; max_count newer ones exist; or it is older than
-- max_age, and so are all before it that the others keep.
--
-- Events may have any time, as imports set them, so that the first younger one can only be found by going through those
-- that are older. That is saved where the event at `beside` is young: then the stream begins there or before, and
-- the answer is a version that is not beyond its beginning. So it is if none of the first `within` events is young,
-- which then are all that is looked at.
--
-- Called for readers, with their rights, under whatever search_path: see timeline.
create or replace function eventstore.first_version(id bigint, beside bigint default null, within bigint default null)
returns bigint
language plpgsql
stable
as $function$
declare
    version bigint;
    oldest  bigint; -- of max_count
    before  bigint;
    age     interval;
    first   bigint;
    young   bigint; -- the first version that is
    since   timestamp with time zone;
begin
    select
        s.version,
        coalesce(o.truncate_before, p.truncate_before),
        s.version operator (pg_catalog.-) coalesce(o.max_count, p.max_count) operator (pg_catalog.+) 1,
        coalesce(o.max_age, p.max_age)
    into version, before, oldest, age
    from eventstore.streams as s
    left join eventstore.retentions as o on not o.is_prefix and o.name operator (pg_catalog.=) s.name::pg_catalog.text
    left join lateral (
        select r.truncate_before, r.max_count, r.max_age
        from eventstore.retentions as r
        where r.is_prefix
          and r.name operator (pg_catalog.<=) s.name::pg_catalog.text
          and pg_catalog.starts_with(s.name::pg_catalog.text, r.name)
        order by r.name desc
        limit 1
    ) as p on true
    where s.stream_id operator (pg_catalog.=) id;

    select e.stream_version into first
    from eventstore.events as e
    where e.stream_id operator (pg_catalog.=) id
    order by e.stream_version
    limit 1;
    if not found then
        return version operator (pg_catalog.+) 1;
    end if;
    first := least(greatest(first, before, oldest), version operator (pg_catalog.+) 1);
    -- No limit is no limit for events of long ago, which imports have, either.
    if age is null or age operator (pg_catalog.>=) interval '365250 days' or first operator (pg_catalog.>) version then
        return first;
    end if;

    since := pg_catalog.statement_timestamp() operator (pg_catalog.-) age;
    if beside operator (pg_catalog.>) first then
        perform from eventstore.events as e
        where e.stream_id operator (pg_catalog.=) id
          and e.stream_version operator (pg_catalog.=) beside
          and e.created_at operator (pg_catalog.>=) since;
        if found then
            return first;
        end if;
    end if;
    if within is null then
        select e.stream_version into young
        from eventstore.events as e
        where e.stream_id operator (pg_catalog.=) id
          and e.stream_version operator (pg_catalog.>=) first
          and e.created_at operator (pg_catalog.>=) since
        order by e.stream_version
        limit 1;
        return coalesce(young, version operator (pg_catalog.+) 1);
    end if;
    select case
        when n.created_at operator (pg_catalog.>=) since then n.stream_version
        else n.stream_version operator (pg_catalog.+) 1 -- the last one that is looked at
    end
    into young
    from (
        select e.stream_version, e.created_at, pg_catalog.row_number() over (order by e.stream_version) as number
        from eventstore.events as e
        where e.stream_id operator (pg_catalog.=) id
          and e.stream_version operator (pg_catalog.>=) first
        order by e.stream_version
        limit within
    ) as n
    where n.created_at operator (pg_catalog.>=) since or n.number operator (pg_catalog.=) within
    order by n.stream_version
    limit 1;
    return coalesce(young, version operator (pg_catalog.+) 1);
end
$function$;

-- Notes on the row of the log which names a read has to look at closely; called with the log's lock held.
create or replace function eventstore.note_retained_names()
returns void
language sql
security definer
set search_path = eventstore, pg_temp
as $function$
    update log_state as l
    set retained_names = n.names
    from (
        select pg_catalog.array_agg(r.name order by r.name) as names
        from retentions as r
        where r.is_prefix or r.is_awaited
    ) as n
    where l.retained_names is distinct from n.names
$function$;

-- Sets the retention of a stream, or of all streams with a prefix, in the place of the one that it has; null = not set.
-- Returns 0; or 1: there are 1,000 prefixes (and streams that do not exist yet) already, which each read compares.
create or replace function eventstore.set_retention(
    target          text,
    of_prefix       boolean,
    before          bigint,   -- events of a lower version expire
    most_events     bigint,   -- the newest ones, which are kept
    oldest          interval, -- the age at which events expire
    own             regclass default 'eventstore.log_state'::regclass -- see refuse_schema
)
returns integer
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    most_names constant integer := 1000;
    is_awaited boolean := false;
    was_awaited boolean;
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'a retention is set in a READ COMMITTED transaction' using errcode = '25008';
    end if;
    if (octet_length(target) <= 512 and not starts_with(target, '$') and (of_prefix or target <> '')
        and (before is not null or most_events is not null or oldest is not null)
        and coalesce(before >= 1, true) and coalesce(most_events >= 1, true)
        and coalesce(oldest > interval '0' and oldest <= interval '365250 days', true)) is not true
    then
        raise exception 'the retention of % is refused', target
            using errcode = '22023',
                  hint = 'Names have 1 to 512 bytes (a prefix may be empty) and do not begin with a dollar sign; a setting is 1 or more, an age up to 365250 days, and one of them is given.';
    end if;
    -- A portion under way removes by the retention before; once this is set, none does. Then the log's lock, in this order.
    perform pg_advisory_xact_lock('retentions'::regclass::bigint + 7311000000000000000);
    perform pg_advisory_xact_lock('log_state'::regclass::bigint + 7311000000000000000);
    if not of_prefix then
        update streams as s set begins_late = true where s.name = target and s.begins_late is not true;
        is_awaited := not exists (select from streams as s where s.name = target);
    end if;
    select r.is_awaited or r.is_prefix into was_awaited
    from retentions as r
    where r.name = target and r.is_prefix = of_prefix;
    if (of_prefix or is_awaited) and was_awaited is not true
        and (select pg_catalog.count(*) from retentions as r where r.is_prefix or r.is_awaited) >= most_names
    then
        return 1;
    end if;
    insert into retentions as r (name, is_prefix, truncate_before, max_count, max_age, is_awaited)
    values (target, of_prefix, before, most_events, oldest, is_awaited)
    on conflict on constraint retentions_pkey do update
    set truncate_before = excluded.truncate_before,
        max_count       = excluded.max_count,
        max_age         = excluded.max_age,
        is_awaited      = excluded.is_awaited,
        changed_at      = clock_timestamp();
    if of_prefix or is_awaited or was_awaited then
        perform note_retained_names();
    end if;
    return 0;
end
$function$;

-- Removes the retention of a stream or a prefix: what has expired by it, and is stored, can be read again. Returns whether
-- there was one.
create or replace function eventstore.remove_retention(
    target    text,
    of_prefix boolean,
    own       regclass default 'eventstore.log_state'::regclass
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
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'a retention is removed in a READ COMMITTED transaction' using errcode = '25008';
    end if;
    perform pg_advisory_xact_lock('retentions'::regclass::bigint + 7311000000000000000); -- see set_retention
    perform pg_advisory_xact_lock('log_state'::regclass::bigint + 7311000000000000000);
    delete from retentions as r where r.name = target and r.is_prefix = of_prefix;
    if not found then
        return false;
    end if;
    perform note_retained_names();
    return true;
end
$function$;

revoke execute on function eventstore.note_retained_names, eventstore.set_retention, eventstore.remove_retention from public;

-- Who may read the events of a stream may ask where it begins, where functions are nobody's by default, too.
do $function$
declare
    reader text;
begin
    for reader in
        select distinct case when a.grantee = 0 then 'public' else pg_catalog.quote_ident(r.rolname) end
        from pg_catalog.pg_class as c
        cross join pg_catalog.aclexplode(c.relacl) as a
        left join pg_catalog.pg_roles as r on r.oid = a.grantee
        where c.oid = 'eventstore.retentions'::regclass
          and a.privilege_type = 'SELECT'
          and a.grantee <> c.relowner
          and (a.grantee = 0 or r.oid is not null)
    loop
        execute pg_catalog.format('grant execute on function %s to %s',
            'eventstore.first_version(bigint, bigint, bigint)'::regprocedure, reader);
    end loop;
end
$function$;
