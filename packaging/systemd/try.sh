#!/bin/sh
# Installs the service under a real user manager and tries what docs/service.md says, while a client has calls in flight.
# As root, on a machine with systemd, dbus-daemon and unshare; it needs no systemd that is running. Usage: try.sh BIN_DIR
set -eu
bin=$(cd "$1" && pwd)
if [ "${SNOWGATE_TRY:-}" != inside ]; then
    SNOWGATE_TRY=inside exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private "$0" "$bin"
fi

unset SNOWGATE_TRY

# A place of its own. The user manager believes that systemd has booted the machine.
mount -t tmpfs tmpfs /run
runtime=/run/user/$(id -u)
mkdir -p /run/systemd/system "$runtime" /run/home
chmod 700 "$runtime"
export XDG_RUNTIME_DIR="$runtime" DBUS_SESSION_BUS_ADDRESS="unix:path=$runtime/bus" HOME=/run/home
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME
export SNOWGATE_HOME=/run/sg
mkdir -p "$SNOWGATE_HOME/data/databases"
: > "$SNOWGATE_HOME/data/databases/ONE.db"
good='[sqlite]
sample_data = false
[limits]
rows_max = 10'
echo "$good" > "$SNOWGATE_HOME/config.toml"
dbus-daemon --session --address="$DBUS_SESSION_BUS_ADDRESS" --nofork --nopidfile > /run/dbus.log 2>&1 &
SYSTEMD_LOG_TARGET=console /lib/systemd/systemd --user > /run/manager.log 2>&1 &

snowgate=$bin/snowgate
service=
# Waits until a command succeeds; says what it waited for.
wait_for() {
    what=$1
    shift
    for _ in $(seq 1200); do
        if "$@" > /dev/null 2>&1; then
            echo "ok: $what"
            return
        fi
        sleep 0.05
    done
    echo "FAILED: $what"
    systemctl --user status --no-pager "$service" || true
    cat "$SNOWGATE_HOME"/state/logs/gateway* /run/manager.log /run/client.err || true
    exit 1
}
property() { systemctl --user show --property "$1" --value "${2:-$service}"; }
main() { property MainPID; }
status_of() { "$snowgate" status --json | sed -n "s/^  \"$1\": \(.*\),/\1/p"; }
running() { [ "$(main)" != 0 ] && [ "$(status_of pid)" = "$(main)" ]; }
another() { [ "$(main)" != "$1" ] && running; }
restarted_since() { [ "$(property NRestarts)" -gt "$1" ]; }
of_no_service() { "$snowgate" status --json | grep -q '"service": null'; }
inactive() { [ "$(property ActiveState)" = inactive ]; }

# One client for all of it: what it asks is answered once, whatever happens to the gateway.
client() {
    mkfifo /run/asked
    "$bin/snowgate-shim" < /run/asked > /run/answered 2> /run/client.err &
    exec 9> /run/asked
    say '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"try","version":"1"}}}'
    say '{"jsonrpc":"2.0","method":"notifications/initialized"}'
}
say() { echo "$1" >&9; }
asked=0
# Asks for what takes a moment, so that it is in flight when something happens.
ask() {
    asked=$((asked + 1))
    say '{"jsonrpc":"2.0","id":'$asked',"method":"tools/call","params":{"name":"execute_query","arguments":{"query":"with recursive n(i) as (select 1 union all select i + 1 from n limit 400000) select max(i) as n from n"}}}'
}
answered() { [ "$(grep -c "\"id\":$asked[,}].*400000" /run/answered)" = 1 ]; }
all_answered_once() {
    for id in $(seq 0 "$asked"); do
        [ "$(grep -c "\"id\":$id[,}]" /run/answered)" = 1 ] || return 1
    done
    ! grep -q isError.:true /run/answered
}

wait_for "the manager runs" systemctl --user list-units
client
wait_for "a client's gateway runs" grep -q serverInfo /run/answered
before=$(status_of pid)
ask
"$snowgate" service install
service=$(basename "$HOME"/.config/systemd/user/snowgate-*.service)
socket=${service%.service}.socket
wait_for "installed: the service's gateway has taken its place" running
[ "$(main)" != "$before" ] && echo "ok: it is another process"
wait_for "the call in flight is answered" answered
systemd-analyze verify --user "$service" "$socket" && echo "ok: systemd-analyze verify"
systemd-analyze security --user "$service" --no-pager 2> /dev/null | tail -1
[ "$(stat -c %a "$SNOWGATE_HOME/run/gateway.sock")" = 600 ] && echo "ok: the socket is its user's alone"
"$snowgate" service status

before=$(main)
ask
kill -KILL "$before"
wait_for "killed with a call in flight: another runs" another "$before"
wait_for "and the call is answered" answered

before=$(main)
"$snowgate" stop > /run/said
cat /run/said
wait_for "stop says how to stop it for good" grep -q "systemctl --user disable --now $socket $service" /run/said
wait_for "stopped: it is not running" inactive
ask
wait_for "socket activation: the client's next call starts it" another "$before"
wait_for "and is answered" answered

before=$(main)
ask
"$snowgate" restart
wait_for "restart: the same process" [ "$(main)" = "$before" ]
wait_for "and answers" answered

echo "$good" | sed 's/rows_max = 10/rows_max = 3/' > "$SNOWGATE_HOME/config.toml"
systemctl --user reload "$service"
wait_for "reload: the same process" [ "$(main)" = "$before" ]
"$snowgate" reload
wait_for "with the new config" grep -q "applied=.*limits.rows_max\|\"applied\":.*limits.rows_max" "$SNOWGATE_HOME"/state/logs/gateway*
echo "rows_maxx = 1" >> "$SNOWGATE_HOME/config.toml"
code=0
"$snowgate" reload || code=$?
wait_for "a wrong config is refused with 78" [ "$code" = 78 ]
systemctl --user reload "$service" || echo "ok: also by the manager"
kill -HUP "$before"
wait_for "it goes on" [ "$(main)" = "$before" ]
ask
wait_for "and answers" answered
restarts=$(property NRestarts)
kill -KILL "$before"
wait_for "a wrong config at the start: it is tried again" restarted_since "$((restarts + 1))"
{ echo '{"jsonrpc":"2.0","id":1,"method":"ping"}'; sleep 1; } | "$bin/snowgate-shim" > /run/second 2> /run/second.err || true
wait_for "a client that comes meanwhile is told why" grep -q rows_maxx /run/second
echo "$good" > "$SNOWGATE_HOME/config.toml"
wait_for "corrected: it runs" running
ask
wait_for "and answers" answered

mkdir -p "$HOME/.config/systemd/user/$service.d"
printf '[Service]\nWatchdogSec=4\n' > "$HOME/.config/systemd/user/$service.d/quick.conf"
systemctl --user daemon-reload
systemctl --user restart "$service"
wait_for "with a watchdog of 4 s" running
sleep 6
before=$(main)
wait_for "it is fed" [ "$(property Result)" = success ]
ask
kill -STOP "$before"
wait_for "frozen with a call in flight: the manager starts another" another "$before"
wait_for "and the call is answered" answered

# What the config names may run inside the unit.
sed -n '/^UMask/,/^SystemCallError/p' "$HOME/.config/systemd/user/$service" > /run/hardening
set --
while IFS= read -r line; do set -- "$@" -p "$line"; done < /run/hardening
for program in python3 node curl; do
    command -v "$program" > /dev/null || continue
    systemd-run --user --quiet --wait --pipe "$@" "$program" --version > /run/version < /dev/null
    echo "ok: inside the unit, $(head -1 /run/version | cut -c1-20) runs"
done

systemctl --user stop "$socket" "$service"
wait_for "stopped by the manager" inactive
ask
wait_for "a client has the manager start it again" running
wait_for "and is answered" answered
rm "$SNOWGATE_HOME/run/gateway.sock"
removed=$(main)
wait_for "the socket's file was removed: the gateway notices, and another listens on one of its own" another "$removed"
ask
wait_for "it runs" running
wait_for "and the call is answered" answered

ask
"$snowgate" service uninstall
rm -r "$HOME/.config/systemd/user/$service.d"
wait_for "uninstalled: the call in flight is answered" answered
ask
wait_for "the next one by a gateway that the client has started" of_no_service
wait_for "and is answered" answered
[ -z "$(find "$HOME/.config/systemd" -type f -o -type l)" ] && echo "ok: no file is left"
wait_for "every call was answered once" all_answered_once
exec 9>&-
"$snowgate" stop
echo "ok: $asked calls"
