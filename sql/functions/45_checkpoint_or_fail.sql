-- Writes the checkpoint of a subscription as a part of a transaction of its owner's, right before the commit: what the
-- transaction has done with the events, and the word that it is done, are committed together. Or it raises, which has the
-- whole transaction rolled back: ES004 = the subscription has another owner by now, or the events are acknowledged already;
-- ES005 = it was deleted; ES002 = the log does not hold what its owner has seen. The lease is not renewed, and what is known
-- of hand-outs stays as it is.
create or replace function eventstore.checkpoint_or_fail(
    id             bigint,
    epoch          bigint,
    owner          uuid,
    from_position  bigint,  -- as settle_subscriptions takes them, but for the next one
    first_position bigint,  -- of the first event that is acknowledged: the row lies behind it
    new_position   bigint,
    new_version    bigint,
    event_id       uuid,
    seen_timeline  integer,
    seen_position  bigint,
    seen_event     uuid
)
returns void
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    answer integer[];
    row_position bigint;
begin
    -- An older snapshot would not show what was seen, nor the last renewal.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'a checkpoint is written in a READ COMMITTED transaction' using errcode = '25008';
    end if;
    -- The epoch does not tell two transactions of one owner apart, both of which acknowledge the same events.
    select s.position into row_position from subscriptions as s where s.subscription_id = id for update;
    if row_position >= first_position then
        raise exception 'the events were acknowledged already' using errcode = 'ES004';
    end if;
    answer := settle_subscriptions(
        array[id], array[epoch], array[owner], array[from_position], array[new_position], array[new_version],
        array[event_id], array[seen_timeline], array[seen_position], array[seen_event], array[0], array[0]::bigint[],
        array[0]::bigint[], array[false], array[null]::bigint[]);
    case answer[1]
        when 1 then
            raise exception 'the subscription has another owner by now' using errcode = 'ES004';
        when 2 then
            raise exception 'the subscription was deleted' using errcode = 'ES005';
        when 3 then
            raise exception 'the log does not hold what was seen of it' using errcode = 'ES002';
        else null;
    end case;
    -- What the owner itself has parked lies before the first one. These were parked by one that died before the checkpoint
    -- passed them: so they were delivered again, and are done with this transaction.
    delete from parked_events as p
    where p.subscription_id = id and p.position between first_position and new_position;
end
$function$;

revoke execute on function eventstore.checkpoint_or_fail from public;
