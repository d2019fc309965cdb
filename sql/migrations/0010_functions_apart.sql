-- From here on the functions are no part of the migrations: sql/functions holds the current text of each, and all of them
-- are made anew after the migrations. The migrations hold what happens to tables, and drop the functions whose parameters
-- change.

-- The schema's name that the functions were made for: their bodies name it. Set by whoever has made them.
alter table eventstore.log_state add column schema_name text;
