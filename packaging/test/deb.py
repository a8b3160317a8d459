"""Installs a Debian package into a clean root, runs the demo as a user, upgrades from an older one and rolls back while clients
call without a pause, and purges it.

Usage, as root, with debootstrap and unshare: packaging/test/deb.py OLD.deb NEW.deb
SNOWGATE_TEST_ROOT: a root that debootstrap has made before; it is copied.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time

from inside import Root, enter_namespaces, expect, ok

USER = "ada"
HOME = f"/home/{USER}"
CLIENTS = 8
# How long anything may take, in seconds.
PATIENCE = 120
# What dpkg and apt write down about themselves. The database of packages is asked instead.
OWN_RECORDS = ("/var/lib/dpkg", "/var/lib/apt", "/var/cache", "/var/log", HOME)

SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT sum(i) FROM n"


class Client:
    """An MCP client: a shim of the package that is installed at its start, and calls one after the other."""

    def __init__(self, root, program, name):
        self.name = name
        self.ids = iter(range(1, 1_000_000))
        self.rows = self.calls = 0
        self.failures = []
        self.stop, self.may_call = threading.Event(), threading.Event()
        self.may_call.set()
        self.process = subprocess.Popen(
            root.command([program], user=USER, variables={"HOME": HOME}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": name, "version": "1"})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def send(self, message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method, **params):
        number = next(self.ids)
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("the shim is gone")
            message = json.loads(line)
            if message.get("id") == number:
                return message

    def query(self, text):
        answer = self.ask("tools/call", name="execute_query", arguments={"query": text})
        self.calls += 1
        if "error" in answer or answer["result"].get("isError"):
            self.failures.append(json.dumps(answer)[:500])
        return json.dumps(answer)

    def work(self):
        try:
            while not self.stop.is_set():
                self.may_call.wait()
                self.query(SLOW)
                self.query(f"INSERT INTO seen (client, number) VALUES ('{self.name}', {self.rows + 1})")
                self.rows += 1
        except Exception as error:  # a call without an answer is what this looks for
            self.failures.append(repr(error))

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)


def until(root, what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            log = root.run("sh", "-c", f"find {HOME} -path '*/logs/gateway*' | xargs tail -n 25", check=False)
            print(f"FAILED: {what}\n{log.stdout}{log.stderr}", flush=True)
            # The clients' threads would wait for ever.
            os._exit(1)
        time.sleep(0.1)
    ok(what)


def answered(root, clients):
    """Waits until each has been answered a few more times."""
    before = [client.calls for client in clients]
    until(root, "every client is answered", lambda: all(client.calls >= was + 4 for client, was in zip(clients, before)))


def snowgate(root, *words, check=True):
    return root.run("/usr/bin/snowgate", *words, user=USER, variables={"HOME": HOME}, check=check)


def version(root):
    said = snowgate(root, "status", "--json", check=False).stdout
    return json.loads(said).get("version") if said else None


def install(root, package):
    shutil.copy(package, root.at("/tmp/snowgate.deb"))
    root.run("apt-get", "install", "-y", "--no-install-recommends", "--allow-downgrades", "/tmp/snowgate.deb")


def installed(root):
    """The version of the package, without Debian's revision; empty: it is not there."""
    return root.run("dpkg-query", "-W", "-f", "${Version}", "snowgate", check=False).stdout.partition("-")[0]


def under_load(root, old, new):
    config = f"{HOME}/.config/snowgate"
    databases = f"{HOME}/databases"
    root.run("mkdir", "-p", config, databases, user=USER)
    with open(root.at(f"{config}/config.toml"), "w", encoding="utf-8") as file:
        file.write(f'[sqlite]\nread_only = false\nsample_data = false\nfolder = "{databases}"\n')
    root.run("touch", f"{databases}/LOAD.db", user=USER)
    # By its path, as configs name it, and by PATH: then the program does not know where it was.
    clients = [Client(root, ["/usr/bin/snowgate-shim", "snowgate-shim"][number % 2], f"c{number}") for number in range(CLIENTS)]
    clients[0].query("CREATE TABLE seen (client TEXT, number INTEGER)")
    expect(not clients[0].failures, f"the {CLIENTS} clients are connected to {version(root)}")
    expect(version(root) == installed(root), "the gateway is of the old version")
    threads = [threading.Thread(target=client.work, daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    answered(root, clients)

    install(root, new)
    answered(root, clients)
    newcomer = Client(root, "snowgate-shim", "newcomer")
    answered(root, clients)
    ok(f"{new} is installed while calls run, and a client has the newer shim")
    for client in clients:
        client.may_call.clear()
    # It may have found one before. No gateway runs then: the next call starts the new one.
    until(root, "in a moment without calls the old gateway makes room", lambda: version(root) in (None, installed(root)))
    for client in clients:
        client.may_call.set()
    answered(root, clients)
    expect(version(root) == installed(root), "the next call starts the new one")

    install(root, old)
    snowgate(root, "stop")
    answered(root, clients)
    expect(version(root) == installed(root), f"rolled back: after `stop`, {old} runs")

    install(root, new)
    answered(root, clients)
    snowgate(root, "restart")
    expect(version(root) == installed(root), "upgraded again: `restart` runs the new version without waiting for such a moment")
    answered(root, clients)
    newcomer.query("SELECT 1")
    for client in clients:
        client.stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    calls = sum(client.calls for client in clients)
    failures = [failure for client in [*clients, newcomer] for failure in client.failures]
    expect(not failures, f"none of {calls} calls of {CLIENTS} clients failed {failures}")
    rows = sum(client.rows for client in clients)
    counted = newcomer.query("SELECT count(*), count(DISTINCT client || number) FROM seen")
    expect(f"\\n{rows}|{rows}\\n" in counted, f"each of {rows} inserts ran once: {counted}")
    for client in [*clients, newcomer]:
        client.close()
    snowgate(root, "stop")


def main(old, new):
    root = Root()
    root.run("useradd", "--create-home", "--shell", "/bin/sh", USER)
    before = root.files(*OWN_RECORDS)
    install(root, old)
    ok(f"{old} is installed")
    demo = snowgate(root, "demo")
    expect(demo.returncode == 0, "the demo runs as a user who is not root")
    under_load(root, old, new)
    expect(snowgate(root, "demo").returncode == 0, "the demo runs with the new version")
    page = root.run("sh", "-c", "zcat /usr/share/man/man1/snowgate.1.gz | head -c 200").stdout
    expect(".TH" in page, "there is a manual page")
    root.run("apt-get", "purge", "-y", "snowgate")
    expect(installed(root) == "", "dpkg knows no package any more")
    after = root.files(*OWN_RECORDS)
    left = sorted(set(after) - set(before))
    expect(not left, f"nothing is left of it {left}")
    expect(not set(before) - set(after), "nothing else is gone")
    left = root.run("sh", "-c", "find /var/lib/dpkg -name 'snowgate*'").stdout
    expect(left == "", "dpkg has no file of it any more")
    expect(root.run("test", "-f", f"{HOME}/databases/LOAD.db").returncode == 0, "the user's own data is still there")
    # The first process of the namespace is this script, which collects no orphans: those have no command line.
    lines = root.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout
    expect("bin/snowgate" not in lines, "no process is left")


if len(sys.argv) != 3:
    sys.exit(__doc__)
enter_namespaces()
main(sys.argv[1], sys.argv[2])
