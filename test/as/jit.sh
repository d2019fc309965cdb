# JIT compiles whatever it is allowed to, however cheap: nothing that the stores send may be, and no plan of theirs that
# takes 10 ms may be one of JIT. A JIT of a small plan takes longer than that.
settings=("logging_collector=on" "log_directory=log" "log_filename=all" "log_line_prefix=%a "
    "session_preload_libraries=auto_explain" "auto_explain.log_min_duration=10" "auto_explain.log_nested_statements=on"
    "auto_explain.log_analyze=on" "auto_explain.log_timing=off" "auto_explain.log_level=log")
tests=(-R '^(store|typed)\.')

begin() {
    local user
    user=$(part USER)
    if [ "$(superuser --command "select pg_jit_available()")" = f ]; then
        echo "as jit: skipped, the server has no JIT" >&2
        exit 0
    fi
    for each in "jit = on" "jit_above_cost = 0" "jit_inline_above_cost = 0" "jit_optimize_above_cost = 0"; do
        superuser --command "alter role \"$user\" set $each"
    done
}

finish() {
    local log
    log=$(superuser --command "show data_directory")/log/all
    # The sessions of stores have names; those of tests, which ask what they like, have none.
    perl test/as/slow_plans.pl "$log"
}
