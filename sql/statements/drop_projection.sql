-- Drops a version, or ($3 not null) removes what is left of one that was dropped and had so many consumers.
select o.outcome::bigint, o.owed_until from eventstore.drop_projection($1, $2, $3) as o
