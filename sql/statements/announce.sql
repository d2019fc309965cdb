-- Tells everybody who follows the log that it has grown: from this position to that one. Sent after the commit, in a
-- transaction of its own: inside the append's it would hold a lock of the whole server at each commit.
select eventstore.tell_followers('log ' || $1::text || ' ' || $2::text)
