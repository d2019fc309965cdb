-- How long events are kept: of one stream, or of all whose names begin with a prefix. Reads honour it at once, and scavenging
-- removes what has expired; see functions/54_retention.sql.
create table eventstore.retentions (
    name            text        collate "C" not null,
    is_prefix       boolean     not null,
    -- Null = not set: of a stream, the setting of the longest prefix counts.
    truncate_before bigint      check (truncate_before >= 1),
    max_count       bigint      check (max_count >= 1),
    max_age         interval    check (max_age > interval '0' and max_age <= interval '365250 days'),
    is_awaited      boolean     not null default false, -- the stream does not exist yet
    changed_at      timestamptz not null default clock_timestamp(),
    constraint retentions_pkey primary key (is_prefix, name), -- the longest prefix of a name is the last one before it
    check (coalesce(truncate_before, max_count) is not null or max_age is not null),
    check (octet_length(name) <= 512 and not starts_with(name, '$') and (is_prefix or name <> ''))
);

-- A stream whose first version has to be looked for: it has or had a retention of its own. Null = no. It takes no room in
-- the rows of the others, and no append reads it.
alter table eventstore.streams add column begins_late boolean;

-- The prefixes that have a retention, and the streams that have one and do not exist yet; null = none. It is on the row
-- that a read looks at anyway, so that streams without a retention cost no look into the table.
alter table eventstore.log_state add column retained_names text[] collate "C";

-- What is parked is not scavenged.
create index parked_events_by_position on eventstore.parked_events (position);

-- Who reads events reads this, too.
do $function$
declare
    reader text;
begin
    for reader in
        select distinct case when a.grantee = 0 then 'public' else pg_catalog.quote_ident(r.rolname) end
        from pg_catalog.pg_class as c
        cross join pg_catalog.aclexplode(c.relacl) as a
        left join pg_catalog.pg_roles as r on r.oid = a.grantee
        where c.oid = 'eventstore.events'::regclass
          and a.privilege_type = 'SELECT'
          and a.grantee <> c.relowner
          and (a.grantee = 0 or r.oid is not null)
    loop
        execute pg_catalog.format('grant select on %s to %s', 'eventstore.retentions'::regclass, reader);
    end loop;
end
$function$;
