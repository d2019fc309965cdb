#!/usr/bin/env bash
# test/lint/tidy.sh [--all]: runs clang-tidy, by the rules of .clang-tidy, on the library, the program and the examples: the
# files that differ from origin/main, or on that branch from the commit before, each header with a file that includes it;
# with --all, and without git, all of them. It is clang-tidy 16, since 14 cannot read the ranges of libstdc++ 12. Installs
# what is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

test/support/packages.sh clang-tidy-16
cmake --preset release >/dev/null
cmake --build build/release --target eventstore_sql >/dev/null # it makes a header

all() { find src examples -name '*.cpp'; }

# The file of the same name, or else one that includes it.
includer_of() {
    local header=${1#*/}
    if [ -f "${1%.hpp}.cpp" ]; then
        echo "${1%.hpp}.cpp"
    else
        { grep -rlF --include='*.cpp' "$header" src examples || true; } | sort | sed -n 1p
    fi
}

changed() {
    local base file
    base=$(git merge-base HEAD origin/main 2>/dev/null || true)
    if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then base=HEAD~1; fi
    git diff --name-only --diff-filter=d "$base" -- src include examples | while read -r file; do
        case $file in
        *.cpp) echo "$file" ;;
        *.hpp) includer_of "$file" ;;
        esac
    done | sort -u
}

if [ "${1:-}" = --all ] || ! git rev-parse --verify --quiet HEAD~1 >/dev/null; then
    mapfile -t files < <(all)
else
    mapfile -t files < <(changed)
fi
echo "clang-tidy: ${#files[@]} files"
if [ ${#files[@]} -eq 0 ]; then exit 0; fi
printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -I '{}' clang-tidy-16 --quiet '{}' -- -std=c++20 \
    -DBOOST_ASIO_SEPARATE_COMPILATION -Iinclude -Isrc -Iexamples -Ibuild/release/generated \
    -isystem "$(pg_config --includedir)"
