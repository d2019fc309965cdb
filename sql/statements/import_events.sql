copy eventstore.events (
    position, stream_id, stream_version, created_at, event_id, correlation_id, causation_id, type, data, metadata
) from stdin (format binary)
