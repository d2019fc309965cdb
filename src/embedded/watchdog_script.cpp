// A script, since a shell is the one program that is there wherever PostgreSQL is, and a library can bring no program
// along. POSIX but for `-ef` of test, which dash, bash and busybox know, and only tools of a base system.
#include "embedded/watchdog_script.hpp"

namespace eventstore::embedded {

// 0: orders from the owner; its end of file means that the owner is gone   1, 2: the log
// 3: held open by the server's processes alone, so that its end of file means that they have all ended
// 4: the lock of the data folder, held as long as the server or this script runs
const char* const watchdog_script = R"script(
data=$1         # the data folder
run=$2          # the folder of the socket
temporary=$3    # yes: the data folder goes with the server
step=$4         # initialise: make the data first. reuse: it is there. again: the folder of the socket is there, too
uid=$5 gid=$6   # of the server
drop=$7         # the program that changes to them; empty: nothing to change
initdb=$8
shift 8         # what is left is the server's command line

cd / || exit 1  # the owner's folder may be closed to the server's user
umask 077
trap : HUP INT TERM PIPE # not ignored, which the server would inherit

own() {
    [ -z "$drop" ] || chown "$uid:$gid" "$@"
}

as_server_user() {
    case $drop in
    '') exec "$@" ;;
    */setpriv) exec "$drop" --reuid="$uid" --regid="$gid" --clear-groups "$@" ;;
    *) exec "$drop" --userspec="+$uid:+$gid" --groups= / "$@" ;; # chroot
    esac
}

# One flush of the file system takes a fraction of initdb's own thousand.
flush() {
    sync -f "$1" || sync
}

initialise() {
    new=$data
    if [ "$temporary" != yes ]; then
        new=$data/.eventstore-initdb
        rm -rf "$new"
    fi
    mkdir "$new" && own "$new" || return 1
    (as_server_user "$initdb" -D "$new" -U postgres --encoding=UTF8 --locale=C --auth-local=trust \
        --auth-host=scram-sha-256 --no-instructions --no-sync >/dev/null) || return 1
    [ "$temporary" != yes ] || return 0
    # PG_VERSION comes last: without it a folder does not pass for a data folder.
    flush "$new" && mv "$new"/[a-z]* "$data"/ && flush "$data" &&
        mv "$new/PG_VERSION" "$data"/ && rmdir "$new" && flush "$data"
}

serve() {
    if [ "$step" = initialise ]; then
        initialise || exit 1
    fi
    as_server_user "$@"
}

# Asks the server's processes to end, until they have or the seconds are over.
ended_within() { # signal, seconds
    left=$(($2 * 100))
    while kill "-$1" "$job" 2>/dev/null; do
        [ "$left" -gt 0 ] || return 1
        left=$((left - 1))
        sleep 0.01 || sleep 1
    done
}

# Sessions that outlived a killed server would go on with what they do.
sweep() {
    left=500
    while [ "$left" -gt 0 ]; do
        left=$((left - 1))
        found=
        for process in /proc/[0-9]*; do
            [ "$process/cwd" -ef "$data" ] || continue
            read -r name <"$process/comm" || continue
            [ "$name" = postgres ] && found=yes && kill -KILL "${process#/proc/}"
        done 2>/dev/null
        [ -n "$found" ] || return 0
        sleep 0.01 || sleep 1
    done
}

read -r order
if [ "$step" != again ]; then
    [ "$order" = start ] || exit 0
    mkdir "$run" || exit 1
    printf '%s\n' 'local all all trust' 'local replication all trust' \
        'host all all 127.0.0.1/32 scram-sha-256' >"$run/pg_hba.conf"
    own "$run" "$run/pg_hba.conf"
fi
how=immediate keep=
if [ "$order" = start ]; then
    serve "$@" </dev/null &
    job=$!
    exec 3>&-
    read -r how keep || how=immediate
    case $how in
    fast) ended_within INT 30 || how=immediate ;;
    esac
    if [ "$how" = immediate ]; then
        kill -TERM 0 # ends initdb, should it run; the server gives way to the next signal
        kill -CONT "$job" 2>/dev/null
        ended_within QUIT 10 || kill -KILL "$job"
    fi
fi
sweep
[ "$keep" != keep ] || exit 0
rm -rf "$run"
[ "$temporary" != yes ] || rm -rf "$data"
)script";

} // namespace eventstore::embedded
