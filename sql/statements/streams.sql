-- A page of the streams by name: as quick at the end of a million streams as at their beginning.
--   $1 after this name, $2 prefix, $3 past the last name with the prefix, $4 count, $5 a text in the name,
--   $6 whether deleted ones are wanted, too
-- Lines that end with "-- deleted" are for a list of the deleted ones alone, which has an index of its own.
select s.name, s.version, s.created_at, s.deleted_at, s.stream_id
from eventstore.streams as s
where s.name > $1 -- forward
where s.name < $1 -- backward
  and s.name >= $2
  and s.name < $3
  and strpos(s.name, $5) > 0
  and not starts_with(s.name, '$') -- those that are being deleted for good
  and s.deleted_at is not null -- deleted
  and (s.deleted_at is null or $6)
order by s.name -- forward
order by s.name desc -- backward
limit $4
