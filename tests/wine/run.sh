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
# SNOWGATE_SDK_PYTHON: a Python with the official SDK, for the driver
set -euo pipefail
repo=$(cd "$(dirname "$0")/../.." && pwd)
cross=$repo/.ci/cross
root=${CROSS_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/snowgate/cross}
target=x86_64-pc-windows-gnu
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
WINEPREFIX=$root/wine wineserver -w
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
    local failed=() name program
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
    done < <(test_programs)
    if [ ${#failed[@]} -gt 0 ]; then
        echo "failed: ${failed[*]}" >&2
        return 1
    fi
}

drive() {
    python3 "$repo/tests/wine/drive.py" --bin "$SNOWGATE_TEST_BIN_DIR" --launcher wine "$@"
}

case "${1:-all}" in
suite) suite "${@:2}" ;;
drive) drive "${@:2}" ;;
all)
    drive all
    suite
    ;;
*)
    sed -n '3,8s/^# \{0,1\}//p' "$0" >&2
    exit 64
    ;;
esac
