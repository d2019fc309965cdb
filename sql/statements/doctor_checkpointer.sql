-- Checkpoints by time and because WAL had piled up; from PostgreSQL 17 on.
select s.num_timed, s.num_requested from pg_stat_checkpointer as s
