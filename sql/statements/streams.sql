-- A page of the streams by name, after a name: as quick at the end of a million streams as at their beginning.
--   $1 after this name, $2 prefix, $3 past the last name with the prefix, $4 count
select s.name, s.version, s.created_at, s.deleted_at, s.stream_id
from eventstore.streams as s
where s.name > $1
  and s.name >= $2
  and s.name < $3
  and s.deleted_at is null
order by s.name
limit $4
