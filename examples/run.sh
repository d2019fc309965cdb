#!/usr/bin/env bash
# examples/run.sh [NAME] [ARGUMENT...]: installs what is missing, builds the example and runs it with a PostgreSQL of
# its own. Without a name: quickstart. The number of a step of the ladder (01) will do for its name.
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:-quickstart}
shift $(($# > 0))
if [[ $name =~ ^[0-9]{2}$ ]]; then
    step=$(compgen -G "examples/${name}_*.cpp" || true)
    if [ -n "$step" ]; then name=$(basename "$step" .cpp); fi
fi
if [ ! -f "examples/$name.cpp" ] && [ ! -f "examples/$name/main.cpp" ]; then
    echo "there is no example '$name'; there are:" >&2
    (cd examples && printf '  %s\n' *.cpp */main.cpp | sed 's/\.cpp$//; s/\/main$//') >&2
    exit 2
fi

test/support/packages.sh
cmake --preset release >/dev/null
cmake --build --preset release --parallel "$(nproc)" --target "example_$name" >&2
exec "build/release/examples/$name" "$@"
