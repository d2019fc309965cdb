-- Before originals are held: who removes events takes the row of the log first, too.
select from eventstore.log_state for no key update
