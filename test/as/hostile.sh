# A role whose settings are as odd as they may be, all at once. What a store cannot work with at all (read-only
# transactions, asynchronous commits, limits of time in milliseconds) is refused, and tested by itself.
variants=(role)
tests=(-R '^(api|transaction|typed)\.')

begin() {
    stores_come_as eventstore_hostile \
        "default_transaction_isolation = 'serializable'" \
        "search_path = 'elsewhere'" \
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
        "default_tablespace = 'pg_default'" \
        "default_table_access_method = 'heap'" \
        "enable_indexscan = off" \
        "enable_bitmapscan = off" \
        "plan_cache_mode = 'force_custom_plan'" \
        "jit = on" \
        "jit_above_cost = 0" \
        "work_mem = '64kB'" \
        "max_stack_depth = '100kB'" \
        "plpgsql.variable_conflict = 'use_column'" \
        "plpgsql.extra_errors = 'all'" \
        "plpgsql.check_asserts = off" \
        "default_transaction_deferrable = on" \
        "gin_fuzzy_search_limit = 1"
}
