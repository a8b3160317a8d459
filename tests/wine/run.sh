#!/usr/bin/env bash
# Runs the tests of the Windows programs with Wine, on Linux: the test programs of tests/suite, and drive.py.
#
#   tests/wine/run.sh                 all of it (about half an hour)
#   tests/wine/run.sh suite [ARGS]    the test programs; ARGS go to each: part of a test's name, --nocapture
#   tests/wine/run.sh drive [ARGS]    the driver; ARGS go to it: session, or --rounds 50 race
#   tests/wine/run.sh --here          the test programs on this machine, which is one with Windows
#
# The programs are release programs. Everything runs in a Windows of its own below a temporary folder, a copy of the one that
# `.ci/cross wine` makes; nothing of it runs or stays when this ends. What is left out, and why: tests/wine/README.md.
#
# CARGO_TARGET_DIR: where it is built, the cache of .ci/cross otherwise
# SNOWGATE_TEST_BIN_DIR: take the programs of this folder instead of building them
# SNOWGATE_SDK_PYTHON: a Python with the official SDK, for the driver; otherwise it is installed into the cache, as
#   tests/clients pins it, if it can be had
set -euo pipefail
repo=$(cd "$(dirname "$0")/../.." && pwd)
cross=$repo/.ci/cross
root=${CROSS_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/snowgate/cross}
target=x86_64-pc-windows-gnu
# The end of what runs in the Windows of the cache, at most, and the installation of the SDK.
wine_s_max=60
sdk_s_max=300
# Without those whose main.rs says `#![cfg(unix)]`, and those for which Wine is too slow or that need what is not there.
programs=(gateway snowflake start_race model hostile_http cancel_storm chaos)

build_arguments=(--locked -p snowgate-tests --lib)
for program in "${programs[@]}"; do build_arguments+=(--test "$program"); done

if [ "${1:-}" = --here ]; then
    cd "$repo"
    exec cargo test "${build_arguments[@]}" "${@:2}"
fi

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
# A line for each test is enough, and the figures of panics are not read by anyone here.
export CARGO_PROFILE_DEV_DEBUG=0

# Wine's own server goes last, and takes what has been left with it.
leave() {
    status=$?
    [ -z "${holder:-}" ] || kill "$holder" 2>/dev/null || true
    [ -z "${WINEPREFIX:-}" ] || WINEPREFIX=$WINEPREFIX wineserver -k 2>/dev/null || true
    rm -rf "$folder"
    exit "$status"
}
folder=$(mktemp -d)
trap leave EXIT
trap 'exit 130' INT TERM

# `cmd /c exit` makes the Windows in the cache, or nothing.
"$cross" wine cmd /c exit >/dev/null
WINEPREFIX=$root/wine timeout --foreground "$wine_s_max" wineserver -w || {
    echo "run.sh: a program still runs in the Windows of $root/wine: end it, then run this again" >&2
    exit 1
}
cp -r --reflink=auto "$root/wine" "$folder/wine"
export WINEPREFIX=$folder/wine WINEDEBUG=${WINEDEBUG:--all}
# Wine's services start with the first program and hold its pipes for as long as any program runs: this one has none, and stays.
mkfifo "$folder/open"
sleep infinity >"$folder/open" &
holder=$!
wine cmd /c "set /p line=" <"$folder/open" >/dev/null 2>&1 &

if [ -z "${SNOWGATE_TEST_BIN_DIR:-}" ]; then
    "$cross" windows build --release --locked -p snowgate -p snowgate-shim
    SNOWGATE_TEST_BIN_DIR=$CARGO_TARGET_DIR/$target/release
fi

# A program for Windows: where cargo put it.
test_programs() {
    "$cross" windows test --no-run --message-format=json "${build_arguments[@]}" |
        python3 -c 'import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable") and message["profile"]["test"]:
        print(message["target"]["name"], message["executable"])'
}

suite() {
    local failed=() name program built
    # Not in the loop's own line, where its failure would be none.
    built=$(test_programs) || return 1
    # Wine shows the files of Linux as drive Z.
    export SNOWGATE_TEST_BIN_DIR="Z:${SNOWGATE_TEST_BIN_DIR//\//\\}"
    export CARGO_MANIFEST_DIR="Z:${repo//\//\\}\\tests"
    # Each start of a program takes Wine a while.
    export SNOWGATE_TEST_PATIENCE_SECONDS=${SNOWGATE_TEST_PATIENCE_SECONDS:-180} RUST_TEST_THREADS=${RUST_TEST_THREADS:-4}
    export SNOWGATE_TEST_ROUNDS=${SNOWGATE_TEST_ROUNDS:-3} SNOWGATE_TEST_CLIENTS=${SNOWGATE_TEST_CLIENTS:-8}
    export SNOWGATE_TEST_KILLS=${SNOWGATE_TEST_KILLS:-20} SNOWGATE_TEST_CANCELS=${SNOWGATE_TEST_CANCELS:-300}
    while read -r name program; do
        printf '\n== %s\n' "$name"
        (cd "$repo/tests" && wine "$program" "$@") </dev/null || failed+=("$name")
    done <<<"$built"
    if [ ${#failed[@]} -gt 0 ]; then
        echo "failed: ${failed[*]}" >&2
        return 1
    fi
}

# Sets SNOWGATE_SDK_PYTHON where it can be had. Its last file says that an installation is whole.
get_sdk() {
    local pins=$repo/tests/clients/python/requirements-1.txt venv=$root/sdk-python
    [ -z "${SNOWGATE_SDK_PYTHON:-}" ] || return 0
    if ! cmp -s "$pins" "$venv/pins.txt"; then
        rm -rf "$venv"
        { python3 -m venv "$venv" &&
            timeout --foreground "$sdk_s_max" "$venv/bin/python" -m pip install -q --no-deps --no-input -r "$pins" &&
            cp "$pins" "$venv/pins.txt"; } >"$root/sdk.log" 2>&1 || {
            echo "run.sh: the official SDK cannot be installed: $(tail -n 1 "$root/sdk.log")" >&2
            return 0
        }
    fi
    export SNOWGATE_SDK_PYTHON=$venv/bin/python
}

drive() {
    get_sdk
    python3 "$repo/tests/wine/drive.py" --bin "$SNOWGATE_TEST_BIN_DIR" --launcher wine "$@"
}

case "${1:-all}" in
suite) suite "${@:2}" ;;
drive) drive "${@:2}" ;;
all)
    status=0
    drive all || status=1
    suite || status=1
    exit "$status"
    ;;
*)
    sed -n '3,8s/^# \{0,1\}//p' "$0" >&2
    exit 64
    ;;
esac
