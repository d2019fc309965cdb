# Stores come as a role for which JIT compiles whatever looks a tenth as expensive as it must by default: nothing that they
# send may look like that. A JIT takes longer than 10 ms, which is what auto_explain reports.
settings=("logging_collector=on" "log_directory=log" "log_filename=all" "log_line_prefix=%a "
    "session_preload_libraries=auto_explain" "auto_explain.log_min_duration=10" "auto_explain.log_nested_statements=on"
    "auto_explain.log_analyze=on" "auto_explain.log_timing=off" "auto_explain.log_level=log")
tests=(-R '^(store|typed)\.')

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
    perl test/as/slow_plans.pl "$log"
}
