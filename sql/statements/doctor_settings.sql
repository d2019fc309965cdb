-- Settings as this session has them, and where they come from.
select s.name, s.setting, s.source, s.context
from pg_settings as s
where s.name in (
    'fsync', 'full_page_writes', 'synchronous_commit', 'autovacuum', 'track_counts', 'default_transaction_read_only',
    'default_transaction_isolation', 'client_min_messages', 'zero_damaged_pages', 'ignore_checksum_failure', 'work_mem',
    'shared_buffers', 'max_wal_size', 'checkpoint_timeout', 'random_page_cost', 'idle_in_transaction_session_timeout', 'jit',
    'statement_timeout', 'enable_indexscan', 'enable_indexonlyscan', 'enable_nestloop', 'data_checksums')
order by s.name
