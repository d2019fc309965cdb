-- Events are facts: nobody changes or removes them by mistake, not even the owner of the tables. Statement-level
-- triggers cost nothing on an insert, and see TRUNCATE too.
--
-- The hard delete of a stream (0007) sets eventstore.hard_delete to 'on' with SET LOCAL, in its own transaction.
create or replace function eventstore.refuse_change()
returns trigger
language plpgsql
set search_path = eventstore, pg_temp
as $function$
begin
    if tg_op = 'DELETE' and current_setting('eventstore.hard_delete', true) = 'on' then
        return null;
    end if;
    raise exception '% of %.% is refused: events are immutable', tg_op, tg_table_schema, tg_table_name
        using errcode = 'restrict_violation',
              hint = 'Append an event that corrects the earlier one.';
end
$function$;

-- A stream keeps its id and its name, but for the one name that delete_stream gives it. For each statement that names one of
-- these columns: a trigger for each row would cost every append, whichever columns it changes.
create or replace function eventstore.refuse_new_identity()
returns trigger
language plpgsql
set search_path = eventstore, pg_temp
as $function$
begin
    if current_setting('eventstore.hard_delete', true) = 'tombstone' then
        return null;
    end if;
    raise exception '% of %.% is refused: a stream keeps its id and its name', tg_op, tg_table_schema, tg_table_name
        using errcode = 'restrict_violation';
end
$function$;
