-- The roles of a store, and what each of them may do. They cannot log in: a login role is made a member of those that it
-- needs. It may run again, and does after a migration that brings new tables and functions. In place of `shop` stands the
-- prefix of the roles.
--
-- It holds the lock of a migration: the server refuses privileges that two sessions grant at once ("tuple concurrently
-- updated"), and a migration would lose those that are granted while it makes the functions anew.
do $roles$
declare
    wanted text;
begin
    foreach wanted in array array[
        'shop_reader', 'shop_writer', 'shop_subscriber', 'shop_recorder', 'shop_keeper', 'shop_scavenger', 'shop_archivist'
    ]
    loop
        if not exists (select from pg_catalog.pg_roles as r where r.rolname = wanted) then
            begin
                execute pg_catalog.format('create role %I nologin', wanted);
            exception when duplicate_object or unique_violation then
                null; -- somebody else has made it meanwhile
            end;
        end if;
        -- Roles are those of all databases: one of this name may be somebody's.
        if exists (select from pg_catalog.pg_roles as r where r.rolname = wanted and (r.rolcanlogin or r.rolsuper)) then
            raise exception 'the role % exists, and can log in or is a superuser: choose another prefix', wanted
                using errcode = 'duplicate_object';
        end if;
    end loop;
end
$roles$;

grant usage on schema eventstore
to shop_reader, shop_writer, shop_subscriber, shop_recorder, shop_keeper, shop_scavenger, shop_archivist;

-- Reads, and appends nothing.
grant select on all tables in schema eventstore to shop_reader;
grant execute on function
    eventstore.timeline, eventstore.is_held, eventstore.payload_size, eventstore.projection_position,
    eventstore.projection_subscriptions, eventstore.first_version
to shop_reader;

-- Appends, and reads nothing.
grant select on eventstore.schema_migrations, eventstore.log_state to shop_writer;
grant execute on function
    eventstore.append_event, eventstore.append_events, eventstore.append_events_or_fail, eventstore.tell_followers
to shop_writer;

-- Deletes streams, and brings them back. Removing them for good looks for what others have left unfinished.
grant select on eventstore.streams to shop_writer;
grant execute on function eventstore.delete_stream, eventstore.restore_stream, eventstore.purge_stream to shop_writer;

-- Subscribes; it must be a reader, too. Listening needs no privilege.
grant execute on function
    eventstore.claim_subscription, eventstore.settle_subscriptions, eventstore.checkpoint_or_fail,
    eventstore.park_events, eventstore.unpark_events, eventstore.unpark_or_fail,
    eventstore.release_parked, eventstore.delete_subscription, eventstore.reset_subscription
to shop_subscriber;

-- Keeps projections: subscribes, and has rights on the tables of the read model.
grant execute on function
    eventstore.open_projection, eventstore.enter_projection, eventstore.hand_over_projection,
    eventstore.switch_projection, eventstore.drop_projection
to shop_subscriber;

-- Records snapshots.
grant select on eventstore.schema_migrations to shop_recorder;
grant execute on function eventstore.record_snapshot, eventstore.delete_snapshot to shop_recorder;

-- Sets how long events are kept. Who may do so decides what scavenging removes.
grant select on eventstore.schema_migrations, eventstore.log_state, eventstore.retentions to shop_keeper;
grant execute on function eventstore.set_retention, eventstore.remove_retention to shop_keeper;

-- Removes what has expired, and nothing else.
grant select on eventstore.schema_migrations, eventstore.log_state to shop_scavenger;
grant execute on function eventstore.prepare_scavenging, eventstore.scavenge to shop_scavenger;

-- Archives the beginning of the log, that is, reads it and removes it, whatever it is.
grant select on eventstore.schema_migrations, eventstore.log_state, eventstore.streams, eventstore.events
to shop_archivist;
grant execute on function eventstore.remove_before, eventstore.remove_archived to shop_archivist;
