#!/usr/bin/env bash
# Checks the text of the tree: the spellings that g++ 12 miscompiles, what each layer may include, and the format (when
# clang-format 14 is there; other versions disagree with it).
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/../.."

status=0
complain() {
    echo "lint: $1" >&2
    status=1
}
folders=()
for folder in include src test examples benchmarks; do
    if [ -d "$folder" ]; then folders+=("$folder"); fi
done

find *.md "${folders[@]}" \( -name '*.cpp' -o -name '*.hpp' -o -name '*.md' \) -not -path 'test/lint/*' -print0 |
    xargs -0 perl test/lint/coroutines.pl || complain "g++ 12 miscompiles these; test/lint/coroutines.pl says what to write"

# A layer includes only layers below it.
above=
for layer in cli api runtime maintenance transaction subscription feed read append storage postgres embedded async typed base; do
    if [ -n "$above" ] && [ -d "src/$layer" ] &&
        grep -rnE "^ *# *include [<\"]($above)/" "src/$layer"; then
        complain "src/$layer includes a layer above it"
    fi
    above=${above:+$above|}$layer
done

if grep -rn 'steady_clock::now' src --include='*.?pp' | grep -v '^src/async/'; then
    complain "the time comes from async/clock.hpp, so that tests can move it"
fi

if grep -nE 'include <(boost/asio\.hpp|boost/json|libpq)' include/eventstore/*.hpp | grep -v '^include/eventstore/json'; then
    complain "a public header includes more than it should"
fi

if grep -rnE '\bPQ[a-zA-Z]+\(|\b(PQTRANS|PGRES|PG_DIAG)_|\bPG(result|conn)\b|libpq-fe\.h' src --include='*.?pp' |
    grep -vE '^src/(postgres|embedded)/'; then
    complain "only src/postgres and src/embedded know libpq; what it returned is a postgres::answer"
fi

# One expression calls, another one waits; src/README.md says why.
if grep -rnE '\bco_await ' src --include='*.?pp' | grep -vE '^src/cli/|^[^:]+:[0-9]+: *(//|///)' |
    grep -vE 'co_await (std::move\(\w+\)|(detail::)?suspend\(|asio::this_coro|asio::post\(|\w+->async_wait\()'; then
    complain "name what is awaited first: auto asking = f(); co_await std::move(asking);"
fi

# A result<bool> that is made of a const one, or of one with a name, may become the bool that it has a value: co_return
# gives the failure, or the bool.
for file in $(grep -rlE 'awaitable<result<bool>>' src); do
    perl -0777 -ne 'my $bad = 0;
        while (/awaitable<result<bool>>[^;{]*\{(.*?)\n\}/sg) {
            my $body = $1;
            while ($body =~ /co_return ([^;]+);/g) {
                $bad = 1 if $1 !~ /^(?:true|false|[^;]*\.error\(\)|.*(?:&&|\|\||[=!<>]=|[*!]).*|(?:std::move\()?\*\w+\)?|.*\(.*\))$/s;
            }
        }
        exit $bad' "$file" || complain "$file: co_return of a result<bool>: say .error(), or the bool"
done

# Each source has a test of its name, or src/README.md says which tests cover it.
covered=$(sed -n '/^## Test coverage/,$p' src/README.md)
while IFS=/ read -r _ layer file; do
    name=${file%.cpp}
    [ -f "test/$layer/${name}_test.cpp" ] || grep -qE "\`($layer/)?$name\`" <<<"$covered" ||
        complain "src/README.md does not say which test covers src/$layer/$file"
done < <(find src -name '*.cpp' -not -path 'src/api/*' -not -path 'src/cli/*')

# A condition that names a layer which is no more tests nothing of it.
for layer in $(grep -ohE -- "-R '\^\(?[a-z|]+" test/as/*.sh test/README.md .ci/run | grep -oE '[a-z]+(\|[a-z]+)*$' | tr '|' '\n' | sort -u); do
    grep -q "eventstore_tests($layer\$" test/CMakeLists.txt || complain "there are no tests of $layer to run under conditions"
done

perl test/lint/functions.pl sql/functions/*.sql || complain "the functions call what another one could stand in for"

if grep -lE 'include <boost/asio/' include/eventstore/*.hpp | xargs grep -L 'include <eventstore/asio_settings.hpp>' |
    grep -v '/asio_settings.hpp'; then
    complain "these show types of Asio and do not include eventstore/asio_settings.hpp"
fi

format=$(command -v clang-format-14 || true)
if [ "${1:-}" = --format ] && [ -z "$format" ]; then
    complain "clang-format-14 is missing"
elif [ -n "$format" ] && [ "${1:-}" != --no-format ]; then
    find "${folders[@]}" \( -name '*.cpp' -o -name '*.hpp' \) -not -path 'test/lint/*' -print0 |
        xargs -0 "$format" --dry-run --Werror || complain "run clang-format-14 -i on these"
fi
exit $status
