#!/usr/bin/env bash
# promtool.sh FOLDER: prints the folder in which promtool is. Where there is none, it is taken out of Debian's package
# `prometheus` into FOLDER; the package is not installed, which would start a server.
set -euo pipefail
if found=$(command -v promtool); then
    dirname "$found"
    exit 0
fi
folder=$1
if [ ! -x "$folder/promtool" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
    (cd "$work" && apt-get --quiet=2 -o APT::Sandbox::User=root download prometheus) >&2
    mkdir -p "$folder"
    dpkg-deb --fsys-tarfile "$work"/prometheus_*.deb | tar --extract --directory "$work" ./usr/bin/promtool
    mv "$work/usr/bin/promtool" "$folder/promtool"
fi
echo "$folder"
