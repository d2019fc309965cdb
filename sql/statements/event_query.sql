-- An event_query: whether an event e is wanted. No statement of its own: see for_query. Its parameters: types, a prefix of
-- stream names, a correlation id (null = no condition). A link to a large event knows no correlation id: its original does.
($1::text[] is null or e.type = any ($1))
and ($2::text is null or exists (
    select from eventstore.streams as s where s.stream_id = e.stream_id and starts_with(s.name, $2)))
and ($3::uuid is null or e.correlation_id = $3 or e.link_to is not null and exists (
    select from eventstore.events as o where o.position = e.link_to and o.correlation_id = $3))
