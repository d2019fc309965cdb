# A role whose settings are as odd as they may be, all at once. What a store cannot work with at all (read-only
# transactions, asynchronous commits, limits of time in milliseconds) is refused, and tested by itself.
variants=(role)
tests=(-R '^(store|typed)\.')

begin() {
    local user each
    user=$(part USER)
    # The sessions are the owner's, as if it had these settings; those of the tests are not meant.
    superuser --command "create role eventstore_hostile login" \
        --command "grant \"$user\" to eventstore_hostile" \
        --command "grant pg_signal_backend, pg_read_all_stats to \"$user\""
    for each in "role = '$user'" \
        "default_transaction_isolation = 'serializable'" \
        "search_path = 'nowhere'" \
        "client_encoding = 'LATIN1'" \
        "client_min_messages = 'error'" \
        "DateStyle = 'German, DMY'" \
        "IntervalStyle = 'sql_standard'" \
        "TimeZone = 'Asia/Kolkata'" \
        "bytea_output = 'escape'" \
        "extra_float_digits = -15" \
        "standard_conforming_strings = off" \
        "escape_string_warning = on" \
        "backslash_quote = off" \
        "quote_all_identifiers = on" \
        "array_nulls = off" \
        "transform_null_equals = on" \
        "xmloption = 'document'" \
        "check_function_bodies = off" \
        "row_security = off" \
        "default_tablespace = 'none'" \
        "default_table_access_method = 'heap'" \
        "enable_indexscan = off" \
        "enable_bitmapscan = off" \
        "plan_cache_mode = 'force_custom_plan'" \
        "jit = on" \
        "jit_above_cost = 0" \
        "work_mem = '64kB'" \
        "temp_file_limit = '1kB'" \
        "max_stack_depth = '100kB'" \
        "plpgsql.variable_conflict = 'use_column'" \
        "plpgsql.extra_errors = 'all'" \
        "plpgsql.check_asserts = off" \
        "default_transaction_deferrable = on" \
        "gin_fuzzy_search_limit = 1"; do
        superuser --command "alter role eventstore_hostile set $each" || return 1
    done
    export EVENTSTORE_TEST_STORE_URL="host='$(part HOST)' port=$(part PORT) dbname='$(part DBNAME)' user=eventstore_hostile"
}
