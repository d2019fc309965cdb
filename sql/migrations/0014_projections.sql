-- Read models that are written in one transaction with the checkpoint of their subscriptions: which versions of each there
-- are, and which one is in use. The checkpoints are those of the subscriptions `name@version`, or `name@version/1` and so
-- on if several consumers share it.
create table eventstore.projections (
    name        text        collate "C" not null,
    version     integer     not null,
    consumers   integer     not null,
    started_at  timestamptz not null default clock_timestamp(),

    -- Side effects belong to this version for events after the one position, up to the other: so each event has them in
    -- one version, though several are written. Null = it replays, and has none yet; null = no version has followed yet.
    live_after  bigint,
    live_until  bigint,
    -- When readers were sent to it; null = never.
    switched_at timestamptz,
    constraint projections_pkey primary key (name, version),
    constraint projections_are_numbered check (version > 0 and consumers > 0)
);
