-- The subscriptions of a version of a projection.
create or replace function eventstore.projection_subscriptions(projection text, of_version integer, consumers integer)
returns text[]
language sql
immutable
set search_path = eventstore, pg_temp
as $function$
    select case
        when consumers = 1 then array[pg_catalog.concat(projection, '@', of_version)]
        else array(
            select pg_catalog.concat(projection, '@', of_version, '/', n)
            from pg_catalog.generate_series(1, consumers) as n)
    end
$function$;

-- Where all consumers of a version have acknowledged everything before it; 0 if one of them has not begun.
create or replace function eventstore.projection_position(projection text, of_version integer, consumers integer)
returns bigint
language plpgsql
stable
set search_path = eventstore, pg_temp
as $function$
begin
    return (
        select coalesce(case when pg_catalog.count(*) = consumers then pg_catalog.min(s.position) end, 0)
        from subscriptions as s
        where s.stream = '$all' and s.name = any (projection_subscriptions(projection, of_version, consumers)));
end
$function$;

-- Makes a version of a projection, if it is not there. The first one of a name is in use from the start; later ones replay
-- first. Returns 0 = done, 1 = it is older than the one in use, and was dropped, 2 = it has another number of consumers,
-- which the second result tells, 3 = there are subscriptions of its names, whose checkpoints are not of this read model:
-- such as those of an imported store.
create or replace function eventstore.open_projection(
    projection    text,
    new_version   integer,
    new_consumers integer,
    out outcome   integer,
    out consumers integer
)
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
#variable_conflict use_column
declare
    latest integer;
begin
    outcome := 0;
    select p.consumers into consumers from projections as p where p.name = projection and p.version = new_version;
    if not found then
        lock table projections in share row exclusive mode; -- two first versions would both be in use
        select p.consumers into consumers from projections as p where p.name = projection and p.version = new_version;
    end if;
    if not found then
        select pg_catalog.max(p.version) into latest
        from projections as p
        where p.name = projection and p.live_after is not null;
        if new_version < latest then
            outcome := 1;
            return;
        end if;
        if exists (
            select from subscriptions as s
            where s.stream = '$all' and s.name = any (projection_subscriptions(projection, new_version, new_consumers)))
        then
            outcome := 3;
            return;
        end if;
        insert into projections (name, version, consumers, live_after, switched_at)
        values (
            projection, new_version, new_consumers,
            case when latest is null then 0 end, case when latest is null then clock_timestamp() end);
        consumers := new_consumers;
    elsif consumers <> new_consumers then
        outcome := 2;
    end if;
end
$function$;

-- Begins a transaction of a version: tells for which events it has side effects, and keeps that so to the commit. A version
-- that replays does not pass the one in use: `replay_through` is where that is. It is settled once readers were sent to it,
-- or to a later one, before its turn came. No row = it was dropped.
create or replace function eventstore.enter_projection(projection text, of_version integer)
returns table (live_after bigint, live_until bigint, is_settled boolean, replay_through bigint)
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
#variable_conflict use_column
declare
    mine    projections;
    in_use  projections;
begin
    select p.* into mine from projections as p where p.name = projection and p.version = of_version for share;
    if not found then
        return;
    end if;
    live_after := mine.live_after;
    live_until := mine.live_until;
    is_settled := mine.switched_at is not null or exists (
        select from projections as p
        where p.name = projection and p.version > of_version and p.switched_at is not null);
    if live_after is null then
        select p.* into in_use
        from projections as p
        where p.name = projection and p.live_after is not null and p.live_until is null;
        if in_use.version > of_version then
            is_settled := true;
        elsif found then
            replay_through := projection_position(projection, in_use.version, in_use.consumers);
        end if;
    end if;
    return next;
end
$function$;

-- Gives the side effects to a version that has replayed: from a position on that neither it nor the one in use has passed.
-- Returns false if it is not as far yet.
create or replace function eventstore.hand_over_projection(projection text, to_version integer, most_behind bigint)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
#variable_conflict use_column
declare
    mine   projections;
    in_use projections;
    at     bigint;
begin
    -- First without locks, for which the versions would wait: a version that replays looks before each of its batches.
    for is_locked in 0 .. 1 loop
        if is_locked = 1 then
            -- All rows of the name, and then those of the subscriptions, as every transaction of a version takes them.
            perform from projections as p where p.name = projection order by p.version for update;
        end if;
        select p.* into mine from projections as p where p.name = projection and p.version = to_version;
        if not found or mine.live_after is not null then
            return found;
        end if;
        select p.* into in_use
        from projections as p
        where p.name = projection and p.live_after is not null and p.live_until is null;
        if found and in_use.version > to_version then
            return false;
        end if;
        if is_locked = 1 then
            perform from subscriptions as s
            where s.stream = '$all'
                and s.name = any (pg_catalog.array_cat(
                    projection_subscriptions(projection, to_version, mine.consumers),
                    projection_subscriptions(projection, in_use.version, in_use.consumers)))
            order by s.subscription_id
            for update;
        end if;
        if in_use.version is not null
            and projection_position(projection, to_version, mine.consumers) + most_behind
                < projection_position(projection, in_use.version, in_use.consumers)
        then
            return false;
        end if;
    end loop;
    -- Not before the position at which the one in use got them itself: it may not have come so far yet.
    select greatest(pg_catalog.max(s.position), in_use.live_after, 0) into at
    from subscriptions as s
    where s.stream = '$all'
        and s.name = any (pg_catalog.array_cat(
            projection_subscriptions(projection, to_version, mine.consumers),
            projection_subscriptions(projection, in_use.version, in_use.consumers)));
    update projections as p set live_until = at where p.name = projection and p.version = in_use.version;
    update projections as p set live_after = at where p.name = projection and p.version = to_version;
    return true;
end
$function$;

-- Sends readers to a version that has got the side effects and is past that position, unless they were sent to a later one;
-- true if this call has done so. To the commit nobody else can.
create or replace function eventstore.switch_projection(projection text, to_version integer)
returns boolean
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
#variable_conflict use_column
begin
    -- First without a lock, as hand_over_projection.
    for is_locked in 0 .. 1 loop
        if is_locked = 1 then
            perform from projections as p where p.name = projection order by p.version for update;
        end if;
        if not exists (
            select from projections as p
            where p.name = projection and p.version = to_version and p.switched_at is null
                and p.live_after is not null
                and projection_position(projection, to_version, p.consumers) >= p.live_after
                and not exists (
                    select from projections as later
                    where later.name = projection and later.version > to_version
                        and later.switched_at is not null))
        then
            return false;
        end if;
    end loop;
    update projections as p set switched_at = clock_timestamp()
    where p.name = projection and p.version = to_version;
    return true;
end
$function$;

-- Deletes the subscriptions of a version, in the order in which settle_subscriptions takes them.
create or replace function eventstore.delete_projection_subscriptions(
    projection text,
    of_version integer,
    consumers  integer
)
returns void
language plpgsql
set search_path = eventstore, pg_temp
as $function$
declare
    names constant text[] := projection_subscriptions(projection, of_version, consumers);
    subscriber     text;
begin
    perform from subscriptions as s
    where s.stream = '$all' and s.name = any (names)
    order by s.subscription_id
    for update;
    foreach subscriber in array names loop
        perform delete_subscription('$all', subscriber);
    end loop;
end
$function$;

-- Removes a version and its subscriptions. Returns 0 = done, 1 = there is none, 2 = it is the one that readers use, and
-- there are others, 3 = it still owes side effects, through the position that the second result tells.
create or replace function eventstore.drop_projection(
    projection         text,
    of_version         integer,
    consumers_left     integer, -- null = drops it; else it was dropped: a process that waited for one of its subscriptions,
                                -- of so many, has made that anew, and the version could not be opened again
    out outcome        integer,
    out owed_until     bigint
)
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
#variable_conflict use_column
declare
    mine projections;
begin
    if consumers_left is not null then
        lock table projections in share row exclusive mode; -- it may be opened at this very moment
        outcome := 1;
        if not exists (select from projections as p where p.name = projection and p.version = of_version) then
            perform delete_projection_subscriptions(projection, of_version, consumers_left);
        end if;
        return;
    end if;
    perform from projections as p where p.name = projection order by p.version for update;
    select p.* into mine from projections as p where p.name = projection and p.version = of_version;
    if not found then
        outcome := 1;
        return;
    end if;
    if mine.live_after is not null and mine.live_until is null
        and exists (select from projections as p where p.name = projection and p.version <> of_version)
    then
        outcome := 2;
        return;
    end if;
    if greatest(projection_position(projection, of_version, mine.consumers), mine.live_after) < mine.live_until then
        outcome := 3;
        owed_until := mine.live_until;
        return;
    end if;
    perform delete_projection_subscriptions(projection, of_version, mine.consumers);
    delete from projections as p where p.name = projection and p.version = of_version;
    outcome := 0;
end
$function$;

revoke execute on function
    eventstore.projection_subscriptions, eventstore.projection_position, eventstore.delete_projection_subscriptions,
    eventstore.open_projection, eventstore.enter_projection, eventstore.hand_over_projection,
    eventstore.switch_projection, eventstore.drop_projection
from public;
