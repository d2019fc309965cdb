# Stores reach the server by TLS: the server's own, or one that ends before it and whose records are full (16 kB).
variants=("" records)
packages=(openssl)
tests=(-R '^(api|transaction|typed)\.')
if [ -z "$variant" ] && [ "$step" = --settings ]; then
    while
        port=$((20000 + RANDOM % 10000))
        (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null
    do :; done
    settings=("port=$port")
fi

begin() {
    local database user
    database=$(part DBNAME) user=$(part USER)
    if [ "$variant" = records ]; then
        mkfifo "$folder/port" "$folder/end"
        "$build/test/tls_front" "$(part HOST)/.s.PGSQL.$(part PORT)" <"$folder/end" >"$folder/port" &
        exec {front}>"$folder/end"
        ending+=($!)
        local port
        read -r port <"$folder/port"
        export EVENTSTORE_TEST_STORE_URL="host=127.0.0.1 port=$port dbname='$database' user='$user' sslmode=require"
        return
    fi
    # The server's user makes the key, which must be its own.
    local make="openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout server.key -out server.crt"
    superuser --command "copy (select 1) to program 'cat >/dev/null; umask 077; $make 2>openssl.log'" || return 1
    superuser --command "alter system set ssl = on" --command "select pg_reload_conf()" \
        --command "alter role \"$user\" password 'of the tests'" >/dev/null
    local way="host=127.0.0.1 port=$(part PORT) dbname='$database' user='$user' password='of the tests' sslmode=require"
    until [ "$(psql --no-psqlrc --tuples-only --no-align --command 'select ssl from pg_stat_ssl where pid = pg_backend_pid()' \
        --dbname "$way")" = t ]; do :; done
    export EVENTSTORE_TEST_STORE_URL=$way
}
