-- An append may say which event must be the last one of its stream: these functions get one more parameter. A schema that is
-- made just now does not have them yet.
drop function if exists eventstore.append_event;
drop function if exists eventstore.append_events;
drop function if exists eventstore.append_events_carefully;
drop function if exists eventstore.append_events_or_fail;
