-- Writes the checkpoint of a subscription as a part of a transaction of its owner's, right before the commit: what the
-- transaction has done with the events, and the word that it is done, are committed together. Or it raises, which has the
-- whole transaction rolled back: ES004 = the subscription has another owner by now, ES005 = it was deleted, ES002 = the log
-- does not hold what its owner has seen. The lease is not renewed, and the numbers of renewals are not touched.
create or replace function eventstore.checkpoint_or_fail(
    id             bigint,
    epoch          bigint,
    owner          uuid,
    from_position  bigint,  -- as settle_subscriptions takes them
    new_position   bigint,
    new_version    bigint,
    event_id       uuid,
    seen_timeline  integer,
    seen_position  bigint,
    seen_event     uuid,
    delivery_count integer,
    delivered      bigint,
    announced      bigint
)
returns void
language plpgsql
security definer
set search_path = eventstore, pg_temp
as $function$
declare
    answer constant integer[] := settle_subscriptions(
        array[id], array[epoch], array[owner], array[from_position], array[new_position], array[new_version],
        array[event_id], array[seen_timeline], array[seen_position], array[seen_event], array[delivery_count],
        array[delivered], array[announced], array[false], array[null]::bigint[]);
begin
    case answer[1]
        when 1 then
            raise exception 'the subscription has another owner by now' using errcode = 'ES004';
        when 2 then
            raise exception 'the subscription was deleted' using errcode = 'ES005';
        when 3 then
            raise exception 'the log does not hold what was seen of it' using errcode = 'ES002';
        else null;
    end case;
end
$function$;

revoke execute on function eventstore.checkpoint_or_fail from public;
