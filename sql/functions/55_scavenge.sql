-- No position at or below this one is given out again, and what is missing there may have been removed: a verification knows
-- a lost event from a removed one by that.
create or replace function eventstore.raise_floor(last bigint)
returns void
language sql
security definer
set search_path = eventstore, pg_temp
as $function$
    update log_state as l
    set floor = last
    where l.floor < last
$function$;

-- Removes the events at these positions, and the links to them; called with the lock of those who remove events.
create or replace function eventstore.remove_events(positions bigint[], out events_removed bigint, out links_removed bigint)
language plpgsql
security definer
set search_path = eventstore, pg_temp
set enable_seqscan = off
set jit = off
as $function$
declare
    privilege constant text := coalesce(current_setting('eventstore.hard_delete', true), '');
    last      bigint;
    last_link bigint;
begin
    events_removed := 0;
    links_removed := 0;
    if coalesce(pg_catalog.cardinality(positions), 0) = 0 then
        return;
    end if;
    -- An append that links may write the row of the log: it takes this before the events, too.
    perform from log_state as l for no key update;
    -- No position is given out twice, even if the end of the log goes.
    last := greatest(
        (select max(p) from pg_catalog.unnest(positions) as p),
        (select max(e.position) from events as e where e.link_to = any (positions)));
    perform raise_floor(last);
    -- Whoever links to one of them holds it, in this order, too: that link is seen after this.
    perform from events as e where e.position = any (positions) order by e.position for update;
    last_link := (select max(e.position) from events as e where e.link_to = any (positions));
    if last_link > last then
        perform raise_floor(last_link);
    end if;
    -- See delete_stream: no SET clause.
    perform set_config('eventstore.hard_delete', 'on', true);
    delete from events as e where e.link_to = any (positions);
    get diagnostics links_removed = row_count;
    delete from events as e where e.position = any (positions);
    get diagnostics events_removed = row_count;
    perform set_config('eventstore.hard_delete', privilege, true);
end
$function$;

-- How far the subscriptions to a stream have acknowledged it: null = there is none. What one has seen of a stream that had
-- the name before counts for nothing.
create or replace function eventstore.version_seen(id bigint, stream_name text)
returns bigint
language sql
stable
security definer
set search_path = eventstore, pg_temp
as $function$
    select min(case when s.stream_id <> id then 0 else s.version end)
    from subscriptions as s
    where s.stream = stream_name
$function$;

-- Whether a subscription needs a link to the event at a position: it is parked, or a subscription to its stream has not got
-- to it.
create or replace function eventstore.is_link_needed(event_position bigint)
returns boolean
language plpgsql
stable
security definer
set search_path = eventstore, pg_temp
set enable_seqscan = off
set jit = off
as $function$
begin
    return exists (
        select
        from events as l
        join streams as s on s.stream_id = l.stream_id
        where l.link_to = event_position
          and (l.stream_version > version_seen(s.stream_id, s.name)
              or exists (select from parked_events as p where p.position = l.position)));
end
$function$;

-- Removes expired events, oldest first within each stream: of streams with a retention of their own, or of those that
-- begin with a prefix and have none, by name. One transaction, which does not hold the log's lock: appends go on.
--
-- Only what first_version says has expired, and what no subscription needs, so that whoever may call this may remove
-- nothing else. Who removes events waits for another one who does.
--
-- A call looks at a bounded number of events, expired or held: of one stream at the first ones that are stored. If more of
-- them may have expired, and some were removed, the next call goes on with that stream. If a subscription holds all of
-- them, the next call goes on behind it.
create or replace function eventstore.scavenge(
    prefix               text,    -- null = the streams with a retention of their own
    after                text,    -- goes on after this name
    most                 integer, -- events
    ignore_subscriptions boolean, -- removes what some have not seen, too
    own                  regclass default 'eventstore.log_state'::regclass, -- see refuse_schema
    out reached          text,    -- the next call goes on after this name
    out is_done          boolean, -- there are no more streams
    out events_removed   bigint,
    out links_removed    bigint,
    out streams_done     bigint,
    out streams_held     bigint   -- of those: expired events are left, which a subscription needs
)
language plpgsql
security definer
set search_path = eventstore, pg_temp
set enable_seqscan = off
set jit = off
as $function$
declare
    most_streams constant integer := 500; -- of a call
    most_looked  constant integer := 10000; -- events of one stream
    most_of_all  constant integer := 20000; -- of a call; begins no further stream
    here         record;
    number       integer := 0;
    first        bigint;
    seen         bigint;   -- the version
    log_seen     bigint;   -- the position that all subscriptions to the log have got to; null = there are none
    expired      bigint[];
    positions    bigint[] := '{}';
    ids          bigint[] := '{}';
    firsts       bigint[] := '{}';
    room         integer := most;
    looked       bigint; -- how many events of the stream may have expired, up to most_looked
    all_looked   bigint := 0;
    ends_early   boolean := false;
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'scavenging needs a READ COMMITTED transaction' using errcode = '25008';
    end if;
    if (most between 1 and 10000 and after is not null and ignore_subscriptions is not null) is not true then
        raise exception 'the arguments of scavenge are refused: % events', most
            using errcode = '22023', hint = 'One call removes 1 to 10000 events.';
    end if;
    perform pg_advisory_xact_lock('retentions'::regclass::bigint + 7311000000000000000);
    reached := after;
    is_done := false;
    streams_done := 0;
    if not ignore_subscriptions then
        select min(s.position) into log_seen from subscriptions as s where s.stream = '$all';
    end if;

    for here in
        select o.stream_id, o.name
        from (
            select s.stream_id, s.name
            from retentions as r
            join streams as s on s.name = r.name
            where prefix is null and not r.is_prefix and r.name > after
            order by r.name
            limit most_streams
        ) as o
        union all
        select n.stream_id, n.name
        from (
            select s.stream_id, s.name
            from streams as s
            where s.name > after
              and s.name >= prefix
              and s.name < pg_catalog.concat(prefix, pg_catalog.repeat(pg_catalog.chr(1114111), 129)) collate "C"
              and not starts_with(s.name, '$')
              and not exists (select from retentions as r where not r.is_prefix and r.name = s.name)
            order by s.name
            limit most_streams
        ) as n
        order by name
        limit most_streams
    loop
        number := number + 1;
        first := first_version(here.stream_id, null, most_looked);
        if exists (select from events as e where e.stream_id = here.stream_id and e.stream_version < first) then
            seen := null;
            if not ignore_subscriptions then
                seen := version_seen(here.stream_id, here.name);
            end if;
            select pg_catalog.array_agg(e.position) into expired
            from (
                select e.position
                from (
                    select n.position, n.stream_version, n.link_to
                    from events as n
                    where n.stream_id = here.stream_id
                      and n.stream_version < least(first, seen + 1)
                    order by n.stream_version
                    limit most_looked
                ) as e
                where (log_seen is null or e.position <= log_seen or e.link_to is not null)
                  and (ignore_subscriptions or not (
                      exists (select from parked_events as p where p.position = e.position)
                      or (exists (select from events as l where l.link_to = e.position) and is_link_needed(e.position))))
                order by e.stream_version
                limit room
            ) as e;
            positions := positions operator (pg_catalog.||) expired;
            room := room - coalesce(pg_catalog.cardinality(expired), 0);
            ends_early := room = 0; -- it may have more: the next call begins with it
            exit when ends_early;
            select pg_catalog.count(*) into looked
            from (
                select from events as e
                where e.stream_id = here.stream_id and e.stream_version < first
                order by e.stream_version
                limit most_looked
            ) as e;
            ends_early := looked = most_looked and expired is not null;
            exit when ends_early;
            all_looked := all_looked + looked;
            ids := pg_catalog.array_append(ids, here.stream_id);
            firsts := pg_catalog.array_append(firsts, first);
        end if;
        reached := here.name;
        streams_done := streams_done + 1;
        ends_early := all_looked >= most_of_all;
        exit when ends_early;
    end loop;
    is_done := not ends_early and number < most_streams;

    select r.events_removed, r.links_removed into events_removed, links_removed from remove_events(positions) as r;
    select pg_catalog.count(*) into streams_held
    from pg_catalog.generate_subscripts(ids, 1) as n
    where exists (select from events as e where e.stream_id = ids[n] and e.stream_version < firsts[n]);
end
$function$;

-- Before the first call of scavenge: returns the prefixes that have a retention. Streams that had one before they existed
-- are known by their rows from now on.
create or replace function eventstore.prepare_scavenging(own regclass default 'eventstore.log_state'::regclass)
returns text[]
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'scavenging needs a READ COMMITTED transaction' using errcode = '25008';
    end if;
    if exists (select from retentions as r join streams as s on s.name = r.name where r.is_awaited) then
        perform pg_advisory_xact_lock('log_state'::regclass::bigint + 7311000000000000000);
        update streams as s set begins_late = true
        where s.name in (select r.name from retentions as r where r.is_awaited) and s.begins_late is not true;
        update retentions as r set is_awaited = false
        where r.is_awaited and exists (select from streams as s where s.name = r.name);
        perform note_retained_names();
    end if;
    return array(select r.name from retentions as r where r.is_prefix order by r.name);
end
$function$;

-- A subscription that needs an event below a position, or a link to one: it has not acknowledged it, or has parked it. Null =
-- there is none.
create or replace function eventstore.subscription_in_need(before bigint, out stream text, out name text)
language plpgsql
stable
security definer
set search_path = eventstore, pg_temp
set enable_seqscan = off
set jit = off
as $function$
#variable_conflict use_column
declare
    has_links boolean; -- to events that would go
begin
    has_links := exists (select from events as l where l.link_to < before);
    -- The next event for a subscription decides by its position. A link to an event that would go may come later.
    select s.stream, s.name into stream, name
    from subscriptions as s
    where case
        when s.stream = '$all' then exists (
            select from events as e
            where e.position > s.position and e.position < before and e.link_to is null)
        else exists (
            select from streams as st
            cross join lateral (
                select e.position
                from events as e
                where e.stream_id = st.stream_id
                  and e.stream_version > case when st.stream_id <> s.stream_id then 0 else s.version end
                order by e.stream_version
                limit 1
            ) as next
            where st.name = s.stream
              and next.position < before)
        or (has_links and exists (
            select from streams as st
            join events as e on e.stream_id = st.stream_id
            where st.name = s.stream
              and e.stream_version > case when st.stream_id <> s.stream_id then 0 else s.version end
              and e.link_to < before))
    end
    or exists ( -- no join, which might collect all the events that would go
        select from parked_events as p
        where p.subscription_id = s.subscription_id
          and (select least(e.position, e.link_to) from events as e where e.position = p.position) < before)
    order by s.stream, s.name
    limit 1;
end
$function$;

-- Removes events below a position, of whatever stream, oldest first, and the links to them. The streams keep their
-- versions. Refused, with nothing removed, while a subscription needs one of them.
create or replace function eventstore.remove_before(
    before               bigint,
    most                 integer, -- events
    ignore_subscriptions boolean,
    own                  regclass default 'eventstore.log_state'::regclass, -- see refuse_schema
    out outcome          integer, -- 0 = done; 1 = the subscription `name` to `stream` needs one; 2 = the log ends before
    out stream           text,
    out name             text,
    out head             bigint,  -- the last position of the log
    out is_done          boolean, -- none is left
    out events_removed   bigint,
    out links_removed    bigint
)
language plpgsql
security definer
set search_path = eventstore, pg_temp
set enable_seqscan = off
set jit = off
as $function$
#variable_conflict use_column
declare
    positions bigint[];
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'removing events needs a READ COMMITTED transaction' using errcode = '25008';
    end if;
    if (before >= 1 and most between 1 and 10000 and ignore_subscriptions is not null) is not true then
        raise exception 'the arguments of remove_before are refused: position %, % events', before, most
            using errcode = '22023', hint = 'Positions begin at 1, and one call removes 1 to 10000 events.';
    end if;
    perform pg_advisory_xact_lock('retentions'::regclass::bigint + 7311000000000000000);
    is_done := false;
    events_removed := 0;
    links_removed := 0;
    select greatest(l.floor, (select e.position from events as e order by e.position desc limit 1))
    into head from log_state as l;
    if before > head + 1 then
        outcome := 2;
        return;
    end if;
    if not ignore_subscriptions then
        select s.stream, s.name into stream, name from subscription_in_need(before) as s;
        if name is not null then
            outcome := 1;
            return;
        end if;
    end if;
    select pg_catalog.array_agg(e.position) into positions
    from (select e.position from events as e where e.position < before order by e.position limit most) as e;
    select r.events_removed, r.links_removed into events_removed, links_removed from remove_events(positions) as r;
    outcome := 0;
    is_done := coalesce(pg_catalog.cardinality(positions), 0) < most;
end
$function$;

revoke execute on function
    eventstore.raise_floor, eventstore.remove_events, eventstore.version_seen, eventstore.is_link_needed,
    eventstore.scavenge, eventstore.prepare_scavenging,
    eventstore.subscription_in_need, eventstore.remove_before
from public;
