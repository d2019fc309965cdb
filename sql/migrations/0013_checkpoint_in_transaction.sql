-- A checkpoint can be written in a transaction of the owner, which renews no lease: functions/45_checkpoint_or_fail.sql.
comment on column eventstore.subscriptions.beat is 'counts the renewals of the lease';
