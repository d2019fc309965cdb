#!/usr/bin/env bash
# benchmarks/run.sh [--quick] [--json FILE] [--cell A1,R100...]: installs what is missing, builds the benchmarks and runs
# them on an embedded PostgreSQL with durable settings, each beside the limit of the same server.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."

test/support/packages.sh
cmake --preset release >/dev/null
cmake --build --preset release --parallel "$(nproc)" --target eventstore_benchmarks >&2
root=$PWD
cd "$here" # so that --json FILE is where the caller means it
exec "$root/build/release/benchmarks/eventstore_benchmarks" "$@"
