#!/usr/bin/env bash
# Fuzzes, as test/run.sh fuzz says. What a target finds beyond its corpus stays in the folder of the build; an input that
# breaks it is told with its path, and ends the run with 1.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=60
if [ "${1:-}" = --seconds ]; then
    seconds=${2:?--seconds N}
    shift 2
fi
if [ $# -eq 0 ]; then
    mapfile -t targets < <(ls test/fuzz/corpus)
else
    targets=("$@")
fi

test/support/packages.sh clang-16
cmake --preset fuzz >/dev/null
cmake --build build/fuzz --parallel "$(nproc)" --target "${targets[@]/#/fuzz_}" >/dev/null

status=0
for target in "${targets[@]}"; do
    found=build/fuzz/found/$target
    mkdir -p "$found"
    log=$found.log
    if build/fuzz/test/fuzz/fuzz_"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
        -artifact_prefix="$found." "$found" "test/fuzz/corpus/$target" >/dev/null 2>"$log"; then
        echo "$target: $(grep -a '^Done' "$log" | tail -1 | tr '[:upper:]' '[:lower:]')"
    else
        echo "$target: BROKEN by an input"
        tail -40 "$log"
        status=1
    fi
done
exit $status
