#!/usr/bin/env bash
# test/run.sh [--as NAME] [PRESET] [argument of ctest...]: installs what is missing, builds, and runs the tests against one
# PostgreSQL that it starts: every test, or under the conditions of test/as/NAME.sh those that they concern. The last line
# counts the tests. The presets are those of CMakePresets.json; the default is release. EVENTSTORE_TEST_URL names a server
# to use instead. `test/run.sh --as` lists the names.
#
# test/run.sh faults [--minutes N] [--seed S] [argument of fault_run...]: runs stores and their clients under faults; see
# test/faults/README.md.
#
# test/run.sh fuzz [--seconds N] [TARGET...]: fuzzes each target for N seconds (60 by default); see test/fuzz/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

as=
if [ "${1:-}" = --as ]; then
    as=${2:-}
    if [ -z "$as" ]; then exec test/as/condition.sh --list; fi
    shift 2
fi
preset=${EVENTSTORE_PRESET:-release}
if [ "${1:-}" = faults ]; then
    shift
    test/support/packages.sh libssl-dev openssl # with it, connections with TLS
    cmake --preset "$preset" >/dev/null
    cmake --build "build/$preset" --parallel "$(nproc)" --target fault_run >/dev/null
    exec "build/$preset/test/fault_run" "$@"
fi
if [ "${1:-}" = fuzz ]; then
    shift
    exec test/fuzz/run.sh "$@"
fi
case ${1:-} in
-* | "") ;;
*)
    preset=$1
    shift
    ;;
esac
build=$PWD/build/$preset
jobs=$(nproc)

test/support/packages.sh libssl-dev # with it, tests of TLS
inside=()
settings=()
if [ -n "$as" ]; then
    # What cannot be had, a program or a server, is no failure of the tests.
    if ! test/as/condition.sh "$as" --prepare; then
        echo "as $as: skipped"
        exit 0
    fi
    mapfile -t settings < <(test/as/condition.sh "$as" --settings)
    if [ $# -eq 0 ]; then mapfile -t tests < <(test/as/condition.sh "$as" --tests) && set -- "${tests[@]}"; fi
    binaries=$(test/as/condition.sh "$as" --binaries)
    if [ -n "$binaries" ]; then export PATH=$binaries:$PATH; fi
    inside=(test/as/condition.sh "$as" --run)
elif ! command -v chromium-headless-shell chromium chromium-browser google-chrome >/dev/null; then
    # A page is tested in a browser, which only tests need: 300 MB, 16 s. Where none can be had, that one test is skipped.
    test/support/packages.sh chromium-headless-shell || echo "without Chromium: the test of the page will be skipped" >&2
fi
if promtool=$(test/support/promtool.sh "$build/tools"); then
    export PATH=$promtool:$PATH
else
    echo "without promtool: the check of the metrics will be skipped" >&2
fi
cmake --preset "$preset" >/dev/null
cmake --build "$build" --parallel "$jobs"

rm -rf "$build/reports" "$build/junit.xml"
mkdir -p "$build/reports"
run=()
# The ThreadSanitizer of g++ 12 cannot bear as much randomness of addresses as newer kernels give.
if [ "$preset" = tsan ] && setarch -R true 2>/dev/null; then run=(setarch -R); fi
# Nor is what it watches quick.
if [ "$preset" = tsan ]; then export EVENTSTORE_TEST_PATIENCE=${EVENTSTORE_TEST_PATIENCE:-8}; fi
export TSAN_OPTIONS="${TSAN_OPTIONS:-suppressions=$PWD/test/support/tsan.suppressions}"
export EVENTSTORE_TEST_BUILD=$build
"${run[@]}" "$build/test/with_server" "${settings[@]}" "${inside[@]}" \
    ctest --test-dir "$build" --parallel $((jobs + 1)) --output-on-failure --no-tests=error \
    --test-output-size-passed 1000000 --output-junit "$build/junit.xml" "$@" && status=0 || status=$?
perl test/support/count.pl "$build" ${as:+"$as"} || status=1
exit $status
