-- Checkpoints by time and because WAL had piled up; before PostgreSQL 17.
select s.checkpoints_timed, s.checkpoints_req from pg_stat_bgwriter as s
