#!/usr/bin/env bash
# condition.sh --list: the names of the conditions under which test/run.sh can run.
# condition.sh NAME --prepare | --settings | --tests | --binaries | --run COMMAND...: the steps of such a run.
#
# The name is that of a file beside this one, or begins with it and a dash: `pgbouncer-session` is pgbouncer.sh with
# variant=session. A file sets what it needs of
#     variants       the variants that it knows (none: the name alone)
#     packages       to be installed
#     settings       NAME=VALUE for the server's start
#     tests          arguments of ctest
# and of the functions
#     prepare        before anything is built; fails where the run is to be skipped
#     binaries       prints the folder of another server's programs
#     begin          with the server running: changes it, starts what stands before it, exports how stores get there
#     finish         after the tests; fails if the run is to fail
set -euo pipefail
cd "$(dirname "$0")/../.."

variant=
step=$1
if [ "$step" = --list ]; then
    for file in test/as/*.sh; do
        name=$(basename "$file" .sh)
        if [ "$name" = condition ]; then continue; fi
        (
            variants=()
            source "$file"
            if [ ${#variants[@]} -eq 0 ]; then echo "$name"; fi
            for each in "${variants[@]}"; do echo "$name${each:+-$each}"; done
        )
    done
    exit
fi

name=$1
step=$2
shift 2
file=${name%%-*}
variant=${name#"$file"}
variant=${variant#-}
names=$(test/as/condition.sh --list | tr '\n' ' ')
if [[ " $names" != *" $name "* ]]; then
    echo "there are no conditions named '$name'; there are: $names" >&2
    exit 2
fi

build=${EVENTSTORE_TEST_BUILD:-}
variants=()
packages=()
settings=()
tests=()
prepare() { :; }
binaries() { :; }
begin() { :; }
finish() { :; }

# SQL as the superuser, in the database of the tests.
superuser() { psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname "$EVENTSTORE_TEST_SUPERUSER_URL" "$@"; }
# A part of how psql gets there: host, port, dbname, user.
part() { psql --no-psqlrc --quiet --tuples-only --no-align --dbname "$EVENTSTORE_TEST_URL" --command "\\echo :$1"; }
# Stores come as another role with these settings (NAME = VALUE). Their sessions are the owner's, who owns what they make;
# those of the tests are not meant.
stores_come_as() {
    local role=$1 user each
    shift
    user=$(part USER)
    superuser --command "create role $role login" --command "grant \"$user\" to $role" \
        --command "grant pg_signal_backend, pg_read_all_stats to \"$user\"" || return
    for each in "role = '$user'" "$@"; do superuser --command "alter role $role set $each" || return; done
    export EVENTSTORE_TEST_STORE_URL="host='$(part HOST)' port=$(part PORT) dbname='$(part DBNAME)' user=$role"
}

source "test/as/$file.sh"
case $step in
--prepare)
    if [ ${#packages[@]} -gt 0 ]; then test/support/packages.sh "${packages[@]}" || exit; fi
    prepare
    ;;
--settings) if [ ${#settings[@]} -gt 0 ]; then printf '%s\n' "${settings[@]}"; fi ;;
--tests) if [ ${#tests[@]} -gt 0 ]; then printf '%s\n' "${tests[@]}"; fi ;;
--binaries) binaries ;;
--run)
    folder=$(mktemp -d)
    ending=()
    end() {
        for each in "${ending[@]}"; do kill "$each" 2>/dev/null || true; done
        rm -rf "$folder"
    }
    trap end EXIT
    begin
    "$@" && status=0 || status=$?
    finish || status=1
    exit $status
    ;;
*)
    echo "what is $step?" >&2
    exit 2
    ;;
esac
