#!/bin/sh
# Runs the unit under a real user manager and tries what README.md's table says. As root, on a machine with
# systemd, dbus-daemon and unshare; it needs no systemd that is running. Usage: try.sh BIN_DIR
set -eu
unit=$(cd "$(dirname "$0")" && pwd)/snowgate.service
bin=$(cd "$1" && pwd)
if [ "${SNOWGATE_TRY:-}" != inside ]; then
    SNOWGATE_TRY=inside exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private "$0" "$bin"
fi

unset SNOWGATE_TRY

# A place of its own. The user manager believes that systemd has booted the machine.
mount -t tmpfs tmpfs /run
runtime=/run/user/$(id -u)
mkdir -p /run/systemd/system "$runtime/systemd/user/snowgate.service.d"
chmod 700 "$runtime"
export XDG_RUNTIME_DIR="$runtime" DBUS_SESSION_BUS_ADDRESS="unix:path=$runtime/bus"
export SNOWGATE_HOME=/run/sg
mkdir -p "$SNOWGATE_HOME/data/databases"
: > "$SNOWGATE_HOME/data/databases/ONE.db"
good='[sqlite]
sample_data = false'
echo "$good" > "$SNOWGATE_HOME/config.toml"
cp "$unit" "$runtime/systemd/user/"
sed -n 's/%h\/.local\/bin/BIN/p' "$unit" | sed "s|BIN|$bin|" > /run/commands
{
    echo "[Service]"
    echo "Environment=SNOWGATE_HOME=$SNOWGATE_HOME"
    sed -n 's/^\(Exec[A-Za-z]*\)=.*/\1=/p' /run/commands
    cat /run/commands
} > "$runtime/systemd/user/snowgate.service.d/here.conf"
dbus-daemon --session --address="$DBUS_SESSION_BUS_ADDRESS" --nofork --nopidfile > /run/dbus.log 2>&1 &
SYSTEMD_LOG_TARGET=console /lib/systemd/systemd --user > /run/manager.log 2>&1 &

snowgate=$bin/snowgate
# Waits until a command succeeds; says what it waited for.
wait_for() {
    what=$1
    shift
    for _ in $(seq 600); do
        if "$@" > /dev/null 2>&1; then
            echo "ok: $what"
            return
        fi
        sleep 0.05
    done
    echo "FAILED: $what"
    systemctl --user status --no-pager snowgate || true
    cat "$SNOWGATE_HOME"/state/logs/* /run/manager.log || true
    exit 1
}
running() { [ "$("$snowgate" status --json | sed -n 's/^  "pid": \(.*\),/\1/p')" = "$(main)" ]; }
main() { systemctl --user show --property MainPID --value snowgate; }
another() { [ "$(main)" != "$1" ] && running; }
restarts() { systemctl --user show --property NRestarts --value snowgate; }
restarted_since() { [ "$(restarts)" -gt "$1" ]; }
pings() {
    { echo '{"jsonrpc":"2.0","id":1,"method":"ping"}'; sleep 1; } | "$bin/snowgate-shim" 2> /dev/null | grep -q result
}

wait_for "the manager runs" systemctl --user list-units
systemd-analyze verify --user snowgate.service && echo "ok: systemd-analyze verify"

# A client has started a gateway before, and stays.
{ echo '{"jsonrpc":"2.0","id":1,"method":"ping"}'; sleep 600; } | "$bin/snowgate-shim" > /run/client 2> /dev/null &
wait_for "a client's gateway runs" grep -q result /run/client
systemctl --user start snowgate
wait_for "the unit's gateway has taken its place" running
wait_for "its clients are served" pings

before=$(main)
kill -KILL "$before"
wait_for "killed: another runs" another "$before"
before=$(main)
"$snowgate" stop > /run/said
cat /run/said
wait_for "stop says who starts it again, and how to stop it" grep -q "systemctl --user stop snowgate.service" /run/said
wait_for "stopped: another runs" another "$before"
before=$(main)
"$snowgate" stop > /run/said
wait_for "a client starts one meanwhile" pings
wait_for "stopped: the unit's runs again" another "$before"

before=$(main)
kill -HUP "$before"
echo "[limits]
rows_maxx = 1" >> "$SNOWGATE_HOME/config.toml"
code=0
"$snowgate" restart || code=$?
wait_for "a wrong config is refused with 78" [ "$code" = 78 ]
systemctl --user reload snowgate || echo "ok: so is a reload"
wait_for "SIGHUP, restart, reload: the same still runs" [ "$(main)" = "$before" ]
wait_for "and answers" running
restarts=$(restarts)
kill -KILL "$before"
wait_for "a wrong config at the start: it is tried again" restarted_since "$((restarts + 2))"
echo "$good" > "$SNOWGATE_HOME/config.toml"
wait_for "corrected: it runs" running

before=$(main)
"$snowgate" restart
wait_for "restart: the same process" [ "$(main)" = "$before" ]
systemctl --user reload snowgate
wait_for "reload: the same process" [ "$(main)" = "$before" ]
wait_for "and answers" running
"$snowgate" serve > /dev/null 2>&1
wait_for "serve beside it: the unit's goes on" [ "$(main)" = "$before" ]
systemctl --user stop snowgate
inactive() {
    [ "$(systemctl --user is-active snowgate)" = inactive ] || return 1
    code=0
    "$snowgate" status || code=$?
    [ "$code" = 3 ]
}
wait_for "stopped by the manager, it stays stopped" inactive
