-- The archive is functions only, which are made anew after the migrations: see functions/56_archive.sql. An older schema has
-- none of them, and this number says so.
comment on column eventstore.log_state.floor is 'no position up to here is given out again, and events may have been removed there';
