#!/usr/bin/env bash
# Install into a scratch folder, then build programs against it as a stranger would: with
# pkg-config and nothing of the source tree. usage: run.sh BUILD-FOLDER
set -uo pipefail

build=$(realpath "$1")
source=$(realpath "$(dirname "$0")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
count=0 failures=0

# claim WHAT COMMAND...: one line of the report; the command's output only if it fails.
claim() {
    local what=$1
    shift
    count=$((count + 1))
    if "$@" >"$scratch/output" 2>&1; then
        echo "ok $count - $what"
    else
        failures=$((failures + 1))
        echo "not ok $count - $what"
        sed 's/^/#   /' "$scratch/output"
    fi
}

prints() {
    local expected=$1 got
    shift
    got=$("$@" 2>&1)
    [ "$got" = "$expected" ] || { echo "expected '$expected', got '$got'" && return 1; }
}

# served APP.so: by the installed command, on a Unix socket, until TERM.
served() {
    local weft pid status=1
    weft=$(find "$scratch/root" -name weft -path '*/bin/*')
    "$weft" serve -n 1 --bind "unix:$scratch/socket" "$1" &
    pid=$!
    for _ in {1..100}; do
        [ -S "$scratch/socket" ] && break
        sleep 0.1
    done
    prints 'Hello, world!' curl -sS --unix-socket "$scratch/socket" http://a/ && status=0
    kill -TERM $pid && wait $pid && return $status
}

# flags PACKAGE: into the arrays cflags and libs.
flags() {
    read -ra cflags <<<"$(pkg-config --cflags "$1")"
    read -ra libs <<<"$(pkg-config --libs "$1")"
}

# Tests may run in parallel with others, so the build itself is left alone.
claim 'meson install' meson install -C "$build" --no-rebuild --destdir "$scratch/root"
libdir=$(dirname "$(find "$scratch/root" -name libweft.so)")
export PKG_CONFIG_PATH=$libdir/pkgconfig LD_LIBRARY_PATH=$libdir
# Where the folders lie must come from the installed file alone, wherever they were moved.
export PKG_CONFIG_LIBDIR=$libdir/pkgconfig

claim 'pkg-config finds weft 0.1.0' pkg-config --exact-version=0.1.0 weft
claim 'pkg-config finds weft-http' pkg-config --exists weft-http
flags weft
claim 'a C program builds with pkg-config alone' \
    gcc -std=c17 -Wall -Wextra -Werror "${cflags[@]}" "$source/hello.c" -o "$scratch/hello" \
    "${libs[@]}"
claim 'it runs, its fibers overlap' prints 210 "$scratch/hello"
claim 'a C++ program builds with pkg-config alone' \
    g++ -std=c++17 -Wall -Wextra -Werror "${cflags[@]}" "$source/hello.cpp" -o "$scratch/hellopp" \
    "${libs[@]}"
claim 'it runs, its fibers overlap' prints 210 "$scratch/hellopp"
flags weft-http
claim 'a program links with libweft-http' \
    gcc "${cflags[@]}" -Wl,--no-as-needed "$source/hello.c" -o "$scratch/hello-http" "${libs[@]}"
claim 'and runs' prints 210 "$scratch/hello-http"
claim 'an application for weft serve builds with pkg-config alone' \
    gcc -std=c17 -Wall -Wextra -Werror -shared -fPIC "${cflags[@]}" \
    "$source/../../examples/serve_hello.c" -o "$scratch/serve_hello.so" "${libs[@]}"
claim 'and is served by the installed weft' served "$scratch/serve_hello.so"
claim 'nothing but the public headers is installed' prints '' \
    find "$scratch/root" -name '*.h' -not -path '*/include/weft/*'
claim 'manual pages are installed' \
    test -s "$(find "$scratch/root" -name weft_run.3)"
claim 'the program asks for the library by its soname' \
    grep -q 'NEEDED.*libweft\.so\.0' <(readelf -d "$scratch/hello")

echo "1..$count"
[ $failures = 0 ]
