-- A trigger for each row had every update of a stream lock the row first, and so write it twice, whichever columns it changes:
-- one for each statement that names these columns costs an append nothing. It locks the table for a moment.
drop trigger streams_keep_their_identity on eventstore.streams;
create trigger streams_keep_their_identity
before update of stream_id, name on eventstore.streams
for each statement execute function eventstore.refuse_new_identity();
