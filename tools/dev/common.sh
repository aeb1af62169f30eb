# What the commands of ./dev share. Sourced by bash from the root of the tree.
# shellcheck shell=bash

fail() {
    echo "./dev: $*" >&2
    exit 1
}

# Run as root: directly, or by sudo where there is one.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Those packages of a purpose (see tools/packages) that are not installed.
missing_packages() {
    local words entry wanted=()
    words=$(awk -v purposes=" $* " '
        !/^#/ && index(purposes, " " $1 " ") { $1 = ""; print }' tools/packages)
    for entry in $words; do
        case $entry in
        *\?*) command -v "${entry#*\?}" >/dev/null || wanted+=("${entry%\?*}") ;;
        *) wanted+=("$entry") ;;
        esac
    done
    if [ ${#wanted[@]} -gt 0 ]; then
        # dpkg-query complains about names it has never heard of; those lack the `ok` as well.
        comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
            <(dpkg-query -W -f '${Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
                sed -n 's/^.* ok installed //p' | sort -u)
    fi
}

# Debian starts a server as soon as it is installed. Tests start their own, on free ports.
apt_install() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
        # shellcheck disable=SC2064 # expanded now: `policy` is local
        trap "as_root rm -f $policy" EXIT
    fi
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" \
        >>build/install.log 2>&1 || status=$?
    if [ "$(trap -p EXIT)" ]; then
        trap - EXIT
        as_root rm -f $policy
    fi
    return $status
}

# Install what the given purposes need. Quick when nothing is missing.
need() {
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || fail "needs these Debian packages: $missing"
    as_root true 2>/dev/null || fail "needs root or sudo to install $missing"
    echo "installing $missing"
    mkdir -p build
    # shellcheck disable=SC2086 # a list of words
    apt_install $missing && return
    # The lists of packages may be missing or old.
    as_root apt-get -qq update >>build/install.log 2>&1 || true
    # shellcheck disable=SC2086
    apt_install $missing || fail "could not install $missing(no network?): see build/install.log"
}

# Install the npm packages of tests/package.json, exactly as locked.
need_npm() {
    local installed=tests/node_modules/.package-lock.json
    [ -e tests/package.json ] || return 0
    [ $installed -nt tests/package-lock.json ] && return
    echo "installing npm packages for the tests"
    mkdir -p build
    npm ci --prefix tests --ignore-scripts --no-audit --no-fund >>build/install.log 2>&1 ||
        fail "could not install the tests' npm packages (no network?): see build/install.log"
    touch $installed
}

# configure FOLDER [MESON-OPTION...]: make build/FOLDER, again if options or defaults have changed.
configure() {
    local folder=build/$1 wanted
    shift
    wanted="$* $(sed '/^)/q' meson.build | cat - meson_options.txt | cksum)"
    if [ -e "$folder/build.ninja" ] && [ "$(cat "$folder/.options")" = "$wanted" ]; then
        return
    fi
    rm -rf "$folder"
    mkdir -p "$folder"
    if ! meson setup "$@" "$folder" >"$folder/log" 2>&1; then
        tail -n 20 "$folder/log" >&2
        return 1
    fi
    echo "$wanted" >"$folder/.options"
}

# compile FOLDER [TARGET...]: build it; the output is shown only if that fails.
compile() {
    local folder=build/$1
    shift
    if ! ninja -C "$folder" "$@" >"$folder/log" 2>&1; then
        sed -n '/^FAILED\|ERROR/,$p' "$folder/log" | grep -v '^\[[0-9]*/[0-9]*\] [A-Z]' |
            head -n 60 >&2
        return 1
    fi
}

# The build that ./dev test and lint share: warnings are errors.
configure_gcc() {
    CC=gcc configure test --werror
}

# The build that ./dev build, run, weft, bench and install use.
release_build() {
    need build
    configure release --buildtype=debugoptimized || fail "the build could not be configured"
    compile release || fail "the build failed: see build/release/log"
}
