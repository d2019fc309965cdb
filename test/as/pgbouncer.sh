# Stores reach the server through PgBouncer: in transaction mode few sessions serve all, in session mode each has its own.
# With session_url they listen past the pooler (transaction mode), or through a session of it (session mode).
variants=(transaction transaction-session_url session session-session_url)
packages=(pgbouncer)
tests=(-R '^(api|transaction|typed)\.')

begin() {
    local socket host port database user
    host=$(part HOST) port=$(part PORT) database=$(part DBNAME) user=$(part USER)
    socket=$host/.s.PGSQL.$port
    echo "\"$user\" \"\"" >"$folder/users"
    cat >"$folder/pgbouncer.ini" <<INI
[databases]
listening = host=$host port=$port dbname=$database pool_mode=session
* = host=$host port=$port
[pgbouncer]
listen_port = 6432
unix_socket_dir = $folder
auth_type = trust
auth_file = $folder/users
pool_mode = ${variant%%-*}
default_pool_size = $([ "${variant%%-*}" = session ] && echo 120 || echo 10)
max_client_conn = 500
log_connections = 0
log_disconnections = 0
logfile = $folder/log
pidfile = $folder/pid
INI
    # The socket's folder is for the server's user alone, and PgBouncer refuses to run as root.
    local as=()
    if [ "$(id -u)" -eq 0 ]; then
        local owner
        owner=$(stat --format %U "$socket")
        chown -R "$owner" "$folder"
        as=(setpriv "--reuid=$owner" "--regid=$(id -g "$owner")" --clear-groups)
    fi
    "${as[@]}" "$(command -v pgbouncer || echo /usr/sbin/pgbouncer)" --quiet "$folder/pgbouncer.ini" &
    local pooler=$!
    ending+=("$pooler")
    until [ -S "$folder/.s.PGSQL.6432" ]; do
        if ! kill -0 "$pooler" 2>/dev/null; then
            cat "$folder/log" >&2
            return 1
        fi
        sleep 0.05
    done
    export EVENTSTORE_TEST_POOLED=1
    export EVENTSTORE_TEST_STORE_URL="host='$folder' port=6432 dbname='$database' user='$user'"
    case $variant in
    transaction-session_url) export EVENTSTORE_TEST_SESSION_URL=$EVENTSTORE_TEST_URL ;;
    session-session_url) export EVENTSTORE_TEST_SESSION_URL="host='$folder' port=6432 dbname=listening user='$user'" ;;
    esac
}
