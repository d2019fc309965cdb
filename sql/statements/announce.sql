-- Tells everybody who follows the log that it has grown: from this position to that one. Sent after the commit, in a
-- transaction of its own: inside the append's it would hold a lock of the whole server at each commit. Its own commit does
-- not wait for the disk, or each append behind it would wait for two flushes: what is lost in a crash is only this word.
select pg_catalog.set_config('synchronous_commit', 'off', true),
    eventstore.tell_followers('log ' || $1::text || ' ' || $2::text)
