#!/usr/bin/env bash
# test/run.sh [PRESET] [argument of ctest...]: installs what is missing, builds, and runs every test against one
# PostgreSQL that it starts. The last line counts the tests. The presets are those of CMakePresets.json; the default is
# release. EVENTSTORE_TEST_URL names a server to use instead.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${EVENTSTORE_PRESET:-release}
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
# A page is tested in a browser, which only tests need: 300 MB, 16 s. Where none can be had, that one test is skipped.
if ! command -v chromium-headless-shell chromium chromium-browser google-chrome >/dev/null; then
    test/support/packages.sh chromium-headless-shell || echo "without Chromium: the test of the page will be skipped" >&2
fi
cmake --preset "$preset" >/dev/null
cmake --build "$build" --parallel "$jobs"

rm -rf "$build/reports" "$build/junit.xml"
mkdir -p "$build/reports"
run=()
# The ThreadSanitizer of g++ 12 cannot bear as much randomness of addresses as newer kernels give.
if [ "$preset" = tsan ] && setarch -R true 2>/dev/null; then run=(setarch -R); fi
export TSAN_OPTIONS="${TSAN_OPTIONS:-suppressions=$PWD/test/support/tsan.suppressions}"
"${run[@]}" "$build/test/with_server" ctest --test-dir "$build" --parallel "$jobs" --output-on-failure --no-tests=error \
    --output-junit "$build/junit.xml" "$@" && status=0 || status=$?
perl test/support/count.pl "$build" || status=1
exit $status
