-- Removes events that are in an archive: those of these positions that have these ids, and the links to them; an event that
-- the archive does not hold stays, whatever has happened to the log since it was written. Without any it only looks whether
-- all below the position may go. The streams keep their versions.
--
-- Refused, with nothing removed, while a subscription needs one of all that are below the position; and, unless the caller
-- gives them up, if links at or behind the position are to one of them: those are in no archive of what is below.
create or replace function eventstore.remove_archived(
    positions            bigint[],
    ids                  uuid[],
    before               bigint,  -- of the archive
    ignore_subscriptions boolean,
    drop_links           boolean, -- gives up links behind the archive
    own                  regclass default 'eventstore.log_state'::regclass, -- see refuse_schema
    out outcome          integer, -- 0 = done; 1 = the subscription `name` to `stream` needs one; 2 = the log ends before;
                                  -- 3 = the link at `link`, of `stream`, is to one
    out stream           text,
    out name             text,
    out head             bigint,  -- the last position of the log
    out link             bigint,
    out events_removed   bigint,
    out links_removed    bigint,  -- with the events to which they were
    out links_dropped    bigint   -- of those: behind the archive
)
language plpgsql
security definer
set search_path = eventstore, pg_temp
set enable_seqscan = off
set jit = off
as $function$
#variable_conflict use_column
declare
    present bigint[];
begin
    if own::oid <> 'log_state'::regclass::oid then
        perform refuse_schema(own);
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'removing events needs a READ COMMITTED transaction' using errcode = '25008';
    end if;
    if (before >= 1 and pg_catalog.cardinality(positions) = pg_catalog.cardinality(ids)
        and pg_catalog.cardinality(positions) <= 10000
        and ignore_subscriptions is not null and drop_links is not null) is not true
    then
        raise exception 'the arguments of remove_archived are refused: position %, % events', before,
            pg_catalog.cardinality(positions)
            using errcode = '22023',
                  hint = 'Positions begin at 1, and one call removes up to 10000 events, each by its position and its id.';
    end if;
    perform pg_advisory_xact_lock('retentions'::regclass::bigint + 7311000000000000000);
    events_removed := 0;
    links_removed := 0;
    links_dropped := 0;
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

    -- The row of the log first, then the events in order, as remove_events has it: no link to them is stored after this.
    perform from log_state as l for update;
    perform from events as e where e.position = any (positions) order by e.position for update;
    select pg_catalog.array_agg(positions[n]) into present
    from pg_catalog.generate_subscripts(positions, 1) as n
    where positions[n] < before
      and exists (select from events as e where e.position = positions[n] and e.event_id = ids[n]);
    select pg_catalog.count(*), min(l.position) into links_dropped, link
    from events as l
    where l.link_to = any (present)
      and l.position >= before
      and not exists (
          select from streams as s
          where s.stream_id = l.stream_id and s.deletion is not null and starts_with(s.name, '$deleted '));
    if link is not null and not drop_links then
        outcome := 3;
        links_dropped := 0;
        select s.name into stream from events as l join streams as s on s.stream_id = l.stream_id where l.position = link;
        return;
    end if;
    select r.events_removed, r.links_removed into events_removed, links_removed from remove_events(present) as r;
    outcome := 0;
end
$function$;

revoke execute on function eventstore.remove_archived from public;
