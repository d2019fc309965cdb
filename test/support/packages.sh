#!/usr/bin/env bash
# packages.sh [PACKAGE...]: installs what is missing to build and run eventstore, and the packages named, on Debian and
# Ubuntu. Asks nothing, removes nothing, and does not touch apt when all is there.
set -euo pipefail

installed() { [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing() {
    local package
    for package in "$@"; do
        if ! installed "$package"; then echo "$package"; fi
    done
}

# Boost 1.81 where the distribution has it beside an older default, else the default.
with_boost() {
    local part
    for part in "" -json -program-options -test; do echo "libboost$part$1-dev"; done
}

if ! command -v dpkg-query >/dev/null; then
    echo "not Debian or Ubuntu: needed are g++ >= 12, CMake >= 3.25, Ninja, Boost >= 1.81, libpq and PostgreSQL >= 14" >&2
    exit 0
fi

packages=(g++ cmake ninja-build ccache libpq-dev "$@")
if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then packages+=(postgresql); fi
mapfile -t needed < <(missing "${packages[@]}")

boost_of_default=$(dpkg-query --show --showformat '${Version}' libboost-dev 2>/dev/null || true)
if dpkg --compare-versions "${boost_of_default:-0}" ge 1.81; then
    mapfile -t boost < <(missing $(with_boost ""))
else
    mapfile -t boost < <(missing $(with_boost 1.81))
fi
if [ $((${#needed[@]} + ${#boost[@]})) -eq 0 ]; then exit 0; fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "please install as root: ${needed[*]} ${boost[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get --quiet=2 --yes --no-install-recommends --no-remove -o Dpkg::Use-Pty=0 "$@" >/dev/null
}

apt update
if [ ${#boost[@]} -gt 0 ] && ! apt-cache show libboost1.81-dev >/dev/null 2>&1; then
    mapfile -t boost < <(missing $(with_boost ""))
fi
needed+=("${boost[@]}")
echo "installing ${needed[*]}"

# PostgreSQL's package would create a server and start it; the ones here are private and temporary.
if [[ " ${needed[*]} " == *" postgresql "* ]]; then
    apt install postgresql-common
    settings=/etc/postgresql-common/createcluster.conf
    "${as_root[@]}" cp -p $settings $settings.before
    trap '"${as_root[@]}" mv $settings.before $settings' EXIT
    "${as_root[@]}" sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' $settings
fi
apt install "${needed[@]}"
