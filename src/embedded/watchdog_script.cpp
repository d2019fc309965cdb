// A script, since a shell is the one program that is there wherever PostgreSQL is, and a library can bring no program
// along. POSIX but for `-ef` of test, which dash, bash and busybox know, and only tools of a base system.
//
// It runs as the server's user: nothing in it is done with more rights than the server itself has.
#include "embedded/watchdog_script.hpp"

namespace eventstore::embedded {

// 0: orders from the owner; its end of file means that the owner is gone   1, 2: the log
// 3: held open by the server's processes alone, so that its end of file means that they have all ended
// 4: the lock of the data folder, held as long as the server or this script runs
// 5, 6: the ends of a pipe to the second watchdog, for reading and for writing
const char* const watchdog_script = R"script(
data=$1         # the data folder
run=$2          # the folder of the socket
temporary=$3    # yes: the data folder goes with the server
step=$4         # initialise: make the data first. reuse: it is there. again: the folder of the socket is there, too
initdb=$5
shift 5         # what is left is the server's command line

cd / || exit 1  # the owner's folder may be closed to the server's user
umask 077
trap : HUP INT TERM PIPE # not ignored, which the server would inherit
exec 7<&0       # what is started in the background finds nothing at 0

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
    mkdir "$new" || return 1
    "$initdb" -D "$new" -U postgres --encoding=UTF8 --locale=C --auth-local=trust \
        --auth-host=scram-sha-256 --no-instructions --no-sync >/dev/null || return 1
    [ "$temporary" != yes ] || return 0
    # PG_VERSION comes last: without it a folder does not pass for a data folder.
    flush "$new" && mv "$new"/[a-z]* "$data"/ && flush "$data" &&
        mv "$new/PG_VERSION" "$data"/ && rmdir "$new" && flush "$data"
}

serve() {
    if [ "$step" = initialise ]; then
        trap 'exit 1' TERM # once initdb has ended, which hears of it, too: until then the data folder is in use
        initialise || exit 1
        trap - TERM
    fi
    exec "$@"
}

# Another program may have the number by now. Before it works in its folder, only its parent knows it.
runs() {
    [ -e /proc/self/cwd ] || return 0
    [ "/proc/$job/cwd" -ef "$data" ] || { [ "$is_parent" = yes ] && [ "/proc/$job/cwd" -ef / ]; }
}

# Asks the server's processes to end, until they have or the seconds are over.
ended_within() { # signal, seconds
    left=$(($2 * 100))
    while runs && kill "-$1" "$job" 2>/dev/null; do
        [ "$left" -gt 0 ] || return 1
        left=$((left - 1))
        # For initdb, should it run: a shell that forks can lose a signal.
        [ "$1 $((left % 100))" != 'QUIT 0' ] || kill -TERM 0
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

# Ends the server, if there is one, and removes what is to go. Whoever is killed on the way left word of how far it came.
finish() {
    if [ -n "$job" ]; then
        echo "$how $keep" >"$run/$$.order"
        case $how in
        fast) ended_within INT 30 || how=immediate ;;
        esac
        if [ "$how" = immediate ]; then
            kill -TERM 0 # ends initdb, should it run; the server gives way to the next signal
            runs && kill -CONT "$job"
            ended_within QUIT 10 || kill -KILL "$job"
        fi
    fi 2>/dev/null
    sweep
    if [ "$keep" = keep ]; then
        : >"$run/$$.done"
    else
        [ "$temporary" != yes ] || rm -rf "$data"
        rm -rf "$run"
    fi
}

# The second watchdog, which takes the place of the first one, should that be killed.
guard() {
    trap '' HUP INT TERM
    while read -r word; do
        [ "$word" != done ] || exit 0
    done <&5
    [ -d "$run" ] || exit 0 # nothing was begun, or all is done
    [ ! -e "$run/$$.done" ] || exit 0
    is_parent=
    job=
    how=
    keep=
    read -r job <"$run/$$.job"
    read -r how keep <"$run/$$.order"
    if [ -n "$how" ]; then
        how=immediate
    else
        read -r how keep <&7 || how=immediate
    fi
    finish
}

# In subshells, since dash keeps a copy of what it redirects for the time of a function.
(exec 3>&- 6>&- 2>/dev/null && guard) &
second=$!
exec 5<&-
is_parent=yes
job=

read -r order
if [ "$step" != again ] && [ "$order" = start ]; then
    mkdir "$run" || exit 1
    printf '%s\n' 'local all all trust' 'local replication all trust' \
        'host all all 127.0.0.1/32 scram-sha-256' >"$run/pg_hba.conf"
fi
how=immediate keep=
if [ "$order" = start ]; then
    (exec </dev/null 6>&- 7<&- && serve "$@") &
    job=$!
    echo "$job" >"$run/$$.job"
    exec 3>&-
    read -r how keep || how=immediate
fi
if [ "$order" = start ] || [ "$step" = again ]; then
    finish
fi
echo done >&6
wait "$second"
)script";

} // namespace eventstore::embedded
