-- Notes which names reads have to look at closely; after retentions were stored.
select eventstore.note_retained_names()
