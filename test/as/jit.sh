# Stores come as a role for which JIT compiles whatever looks a tenth as expensive as it must by default: nothing that they
# send, and no statement inside the functions, may look like that. A JIT takes longer than 10 ms, which is what auto_explain
# reports. A statement that waits for a lock, or for the processor, may take as long: what fails is JIT, and a statement
# that took 10 ms each time.
settings=("logging_collector=on" "log_directory=log" "log_filename=all" "log_line_prefix=%a "
    "session_preload_libraries=auto_explain" "auto_explain.log_min_duration=10" "auto_explain.log_nested_statements=on"
    "auto_explain.log_analyze=on" "auto_explain.log_timing=off" "auto_explain.log_level=log"
    "shared_preload_libraries=pg_stat_statements" "pg_stat_statements.max=50000" "pg_stat_statements.track=all")
tests=(-R '^(api|transaction|typed)\.')

begin() {
    if [ "$(superuser --command "select pg_jit_available()")" = f ]; then
        echo "as jit: skipped, this server has no JIT" >&2
        exit 0
    fi
    stores_come_as eventstore_jit "jit = on" "jit_above_cost = 10000" "jit_inline_above_cost = 0" \
        "jit_optimize_above_cost = 0"
}

finish() {
    local log
    log=$(superuser --command "show data_directory")/log/all
    # The sessions of stores have names; those of tests, which ask what they like, have none.
    perl test/as/slow_plans.pl "$log" || return
    local slow
    slow=$(superuser --command "create extension if not exists pg_stat_statements" --command "
        select round(min(s.min_exec_time)::numeric, 1) || ' ms at least, ' || sum(s.calls) || ' times: ' || q.text
        from pg_stat_statements as s
        join pg_roles as r on r.oid = s.userid and not r.rolsuper
        cross join lateral (
            select left(regexp_replace(regexp_replace(s.query, '\"[^\"]*\"\.', '', 'g'), '\s+', ' ', 'g'), 200) as text
        ) as q
        where s.query !~* 'pg_sleep|lock table|create |alter |drop |generate_series\(1, *[0-9\$]'
        group by q.text
        having sum(s.calls) >= 5 and min(s.min_exec_time) >= 10")
    if [ -n "$slow" ]; then
        echo "statements that are never quick:"
        echo "$slow"
        return 1
    fi
}
