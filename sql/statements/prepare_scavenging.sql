select p.name from pg_catalog.unnest(eventstore.prepare_scavenging()) as p (name)
