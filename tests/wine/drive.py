#!/usr/bin/env python3
"""Drives the two real programs as MCP clients do, kills what can be killed, and prints a line of figures for each scenario.

For programs that cannot be run by the test programs of their own system: those for Windows, on Linux, with Wine.

    tests/wine/drive.py --bin DIR [--launcher COMMAND] SCENARIO...     (or `all`)

--bin        the folder with both programs; `.exe` is found
--launcher   what runs them: "wine". Without it they are programs of this system
--shims, --rounds, --clients, --kills, --writes, --seed   the size of a run

Exits with 1 if a scenario has failed. Everything is started in a home of its own, and everything has ended when it is left. Needs
Python 3.9 and nothing else, but for the scenario `sdk`: $SNOWGATE_SDK_PYTHON is a Python that has the official SDK.
"""

import argparse
import contextlib
import itertools
import json
import os
import queue
import random
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

# What does not come within this does not come at all. Wine starts a program in a second, and forty at once take their time.
PATIENCE_S = float(os.environ.get("SNOWGATE_TEST_PATIENCE_SECONDS", "120"))
POLL_S = 0.02
# Gateways in a row that a shim may lose before it tells its client so; as `start_race` has it.
KILLS_A_ROUND_MAX = 4
REVISION = "2025-11-25"


class Failed(Exception):
    """A scenario has not held. The message says what was expected and what was seen."""


class Skipped(Exception):
    """A scenario was not run. The message says what it needs."""


def until(what, holds, patience_s=PATIENCE_S):
    """Waits for a condition; returns what it returned."""
    deadline = time.monotonic() + patience_s
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"not within {patience_s:.0f} s: {what}")
        time.sleep(POLL_S)


class System:
    """The system that the programs run on: how they are launched, found and killed."""

    def __init__(self, bin_dir, launcher):
        self.launcher = launcher
        suffix = ".exe" if (bin_dir / "snowgate-shim.exe").exists() else ""
        self.gateway_name, self.shim_name = f"snowgate{suffix}", f"snowgate-shim{suffix}"
        self.is_windows = bool(suffix)
        self.prefix = os.environ.get("WINEPREFIX")
        if launcher and not self.prefix:
            sys.exit("drive.py: set WINEPREFIX to a Windows of this run's own: tests/wine/run.sh makes one")

    def temporary_folder(self):
        """Where homes are: in Wine's drive C, as a user's folders are."""
        if not self.launcher:
            return tempfile.mkdtemp(prefix="sg", dir=None if self.is_windows else "/tmp")
        return tempfile.mkdtemp(prefix="sg", dir=Path(self.prefix, "drive_c"))

    def path(self, path):
        """A path as the programs name it."""
        if not self.launcher:
            return str(path)
        relative = Path(path).relative_to(Path(self.prefix, "drive_c"))
        return "C:\\" + str(relative).replace("/", "\\")

    def processes(self, home):
        """The programs that run in a home, by process id: {pid: (name, arguments)}. Wine's are processes of Linux, too."""
        if os.name == "nt":
            return self._task_list()
        if not Path("/proc/self").exists():
            return self._ps(home)
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
                environment = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            own = f"WINEPREFIX={self.prefix}" if self.launcher else f"SNOWGATE_HOME={home}"
            if own.encode() not in environment:
                continue
            for at, part in enumerate(command):
                name = part.decode(errors="replace").replace("\\", "/").rsplit("/", 1)[-1].lower()
                if name in (self.gateway_name, self.shim_name):
                    found[int(folder.name)] = (name, [rest.decode(errors="replace") for rest in command[at + 1 :] if rest])
                    break
        return found

    def _task_list(self):
        found = {}
        for name in (self.gateway_name, self.shim_name):
            command = ["tasklist", "/FI", f"IMAGENAME eq {name}", "/FO", "CSV", "/NH"]
            for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
                columns = line.strip('"').split('","')
                if len(columns) > 1:
                    # tasklist has no arguments: nothing but `serve` stays.
                    found[int(columns[1])] = (name, ["serve"])
        return found

    def _ps(self, home):
        found = {}
        shown = subprocess.run(["ps", "-axEwwo", "pid=,command="], capture_output=True, text=True, check=False).stdout
        for line in shown.splitlines():
            pid, _, command = line.strip().partition(" ")
            if f"SNOWGATE_HOME={home}" in command:
                words = command.split(" ")
                name = words[0].rsplit("/", 1)[-1]
                if name in (self.gateway_name, self.shim_name):
                    found[int(pid)] = (name, words[1:])
        return found

    def kill(self, pid):
        if os.name == "nt":
            subprocess.run(["taskkill", "/F", "/PID", str(pid)], capture_output=True, check=False)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def resident_kb(self, pid):
        """Resident memory in kB, and the part that no other process shares; none where it cannot be known."""
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
        except OSError:
            return None
        kb = {line.split(":")[0]: int(line.split()[1]) for line in rollup.splitlines() if line.endswith(" kB")}
        return kb["Rss"], kb["Private_Dirty"] + kb["Private_Clean"]


class Home:
    """A folder with all files of one gateway, and copies of both programs, so that they can be replaced."""

    def __init__(self, system, bin_dir, toml=""):
        self.system = system
        self.folder = Path(system.temporary_folder())
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for name in (system.gateway_name, system.shim_name):
            shutil.copy2(bin_dir / name, self.bin / name)
        self.home = self.folder / "home"
        (self.home / "data" / "databases").mkdir(parents=True)
        os.chmod(self.home, 0o700)
        for name in ("ONE", "TWO"):
            (self.home / "data" / "databases" / f"{name}.db").touch()
        (self.home / "config.toml").write_text(f"[sqlite]\nsample_data = false\nread_only = false\n{toml}", "utf-8")
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("SNOWGATE_", "SNOWFLAKE_"))
        }
        self.environment["SNOWGATE_HOME"] = system.path(self.home)
        self.clients = []

    def command(self, name, *arguments):
        return [*self.system.launcher, str(self.bin / name), *arguments]

    def run(self, *arguments, timeout_s=PATIENCE_S):
        """Runs `snowgate` to its end. What it says goes to files: a process that has inherited a pipe would keep this waiting."""
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            done = subprocess.run(
                self.command(self.system.gateway_name, *arguments),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                timeout=timeout_s,
                check=False,
            )
            for file in (stdout, stderr):
                file.seek(0)
            done.stdout, done.stderr = stdout.read(), stderr.read()
        return done

    def json(self, *arguments):
        """What a command says with --json; none where no gateway runs."""
        done = self.run(*arguments, "--json")
        if done.returncode == 3:
            return None
        if done.returncode != 0:
            raise Failed(f"snowgate {' '.join(arguments)}: exit {done.returncode}: {done.stderr.decode(errors='replace')}")
        return json.loads(done.stdout)

    def processes(self):
        return self.system.processes(self.home)

    def gateways(self):
        is_gateway = lambda name, arguments: name == self.system.gateway_name and "serve" in arguments  # noqa: E731
        return [pid for pid, (name, arguments) in self.processes().items() if is_gateway(name, arguments)]

    def kill_gateways(self):
        gateways = self.gateways()
        for pid in gateways:
            self.system.kill(pid)
        return len(gateways)

    def client(self, **options):
        client = Client(self, **options)
        self.clients.append(client)
        return client

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for client in self.clients:
            client.kill()
        if error is None:
            self.run("stop")
        left = {}

        def is_quiet():
            nonlocal left
            left = self.processes()
            return not left

        try:
            until("no process is left", is_quiet, 30 if error is None else 1)
        except Failed:
            for pid in left:
                self.system.kill(pid)
            if error is None:
                raise Failed(f"processes were left behind: {left}") from None
        if error is not None:
            for log in sorted((self.home / "state" / "logs").glob("gateway*")):
                lines = log.read_text("utf-8", "replace").splitlines(keepends=True)
                sys.stderr.write("".join([line for line in lines if '"INFO"' not in line][-20:]))
        shutil.rmtree(self.folder, ignore_errors=True)


class Client:
    """An MCP client without an SDK, and its shim."""

    def __init__(self, home, environment=None, through=None, stdin=None):
        self.home, self.next_id = home, 1
        command = home.command(home.system.shim_name)
        if through:
            command = through(command)
        self.process = subprocess.Popen(
            command,
            env={**home.environment, **(environment or {})},
            stdin=stdin if stdin is not None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.input = self.process.stdin
        self.lines, self.unclaimed, self.stderr = queue.Queue(), {}, []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._complaints, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _complaints(self):
        for line in self.process.stderr:
            self.stderr.append(line.decode(errors="replace"))

    def write(self, data):
        try:
            self.input.write(data)
            self.input.flush()
        except BrokenPipeError:
            code = self.process.wait(PATIENCE_S)
            raise Failed(f"the shim has ended (exit code {code}): {''.join(self.stderr)}") from None

    def send(self, method, params=None, end=b"\n"):
        number = self.next_id
        self.next_id += 1
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}
        self.write(json.dumps(message, ensure_ascii=False).encode() + end)
        return number

    def answer(self, number, patience_s=PATIENCE_S):
        deadline = time.monotonic() + patience_s
        while number not in self.unclaimed:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise Failed(f"no answer to {number} within {patience_s:.0f} s; stderr: {''.join(self.stderr)}") from None
            if line is None:
                raise Failed(f"the shim has ended, without an answer to {number}; stderr: {''.join(self.stderr)}")
            if not line.endswith(b"\n") or line.endswith(b"\r\n"):
                raise Failed(f"a line that does not end with a newline alone: {line[-80:]!r}")
            message = json.loads(line)
            if "id" in message and "method" not in message:
                if message["id"] in self.unclaimed or message["id"] >= self.next_id:
                    raise Failed(f"answered twice, or never asked: {line!r}")
                self.unclaimed[message["id"]] = message
        return self.unclaimed.pop(number)

    def request(self, method, params=None, **options):
        return self.answer(self.send(method, params, **options))

    def initialize(self, name="driver"):
        info = {"name": name, "version": "1"}
        params = {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": info}
        answer = self.request("initialize", params)
        self.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        if answer["result"]["protocolVersion"] != REVISION:
            raise Failed(f"initialize: {answer}")
        return answer

    def send_call(self, tool, **arguments):
        return self.send("tools/call", {"name": tool, "arguments": arguments})

    def call(self, tool, **arguments):
        return self.answer(self.send_call(tool, **arguments))

    def query(self, sql):
        """The text of a result; what is no result has failed."""
        answer = self.call("execute_query", query=sql)
        result = answer.get("result")
        if result is None or result.get("isError"):
            raise Failed(f"{sql}: {answer}")
        return result["content"][0]["text"]

    def database(self):
        answer = self.call("session_info")
        return answer["result"]["structuredContent"]["context"]["database"]

    def close(self):
        """Closes stdin; the shim must end, as a success."""
        with contextlib.suppress(OSError):
            self.input.close()
        code = self.process.wait(PATIENCE_S)
        if code != 0:
            raise Failed(f"the shim ended with {code}: {''.join(self.stderr)}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        # The other two belong to threads that read them: a process that has inherited them may hold them open.
        if self.input:
            with contextlib.suppress(OSError, ValueError):
                self.input.close()


def expect(what, seen, wanted):
    if seen != wanted:
        raise Failed(f"{what}: {seen!r} instead of {wanted!r}")


def demo(place, _options):
    """`snowgate demo` ends as a success and leaves no process."""
    with place() as home:
        began = time.monotonic()
        environment = {name: value for name, value in home.environment.items() if name != "SNOWGATE_HOME"}
        home.environment = environment
        done = home.run("demo")
        took = time.monotonic() - began
        home.environment["SNOWGATE_HOME"] = home.system.path(home.home)
        if done.returncode != 0:
            raise Failed(f"exit {done.returncode}: {done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}")
        until("the demo leaves no process", lambda: not home.processes())
    return f"{took:.1f} s, {len(done.stdout.splitlines())} lines"


def session(place, _options):
    """A client of the older era from its first line to its last, with the lines of an editor that writes CRLF."""
    with place() as home:
        began = time.monotonic()
        client = home.client()
        client.initialize()
        first = time.monotonic() - began
        tools = client.request("tools/list")["result"]["tools"]
        expect("ping with CRLF", client.request("ping", end=b"\r\n")["result"], {})
        client.query("create table t (a integer, b text)")
        client.query("insert into t values (1, 'Zürich 東京 🗻')")
        text = client.query("select * from t")
        expect("what was written, with text beyond ASCII", text, "a|b\n1|Zürich 東京 🗻\n(1 row)")
        client.call("set_context", database="TWO")
        expect("the context", client.database(), "TWO")
        large = client.call("execute_query", query="select hex(zeroblob(20000)) as zeros")
        client.close()
        return f"first answer {first * 1000:.0f} ms (with the gateway's start), {len(tools)} tools, a result of {len(str(large))} bytes"


def sdk(place, options):
    """The checks of the official Python SDK (tests/clients/python), over a shim that a script launches."""
    python = os.environ.get("SNOWGATE_SDK_PYTHON")
    if not python:
        raise Skipped("SNOWGATE_SDK_PYTHON is not set to a Python with the official SDK")
    clients = Path(__file__).resolve().parent.parent / "clients"
    with place("[limits]\nbytes_max = 1048576\n") as home:
        scripts = []
        for name in (home.system.shim_name, home.system.gateway_name):
            script = home.folder / f"{name}.sh"
            # The SDK passes few variables on.
            needed = [name for name in ("SNOWGATE_HOME", "WINEPREFIX", "WINEDEBUG") if name in home.environment]
            variables = "".join(f"export {name}={shlex.quote(home.environment[name])}\n" for name in needed)
            script.write_text(f'#!/bin/sh\n{variables}exec {shlex.join(home.command(name))} "$@"\n', "utf-8")
            script.chmod(0o755)
            scripts.append(str(script))
        # Sample data is what the checks read, and a second database.
        (home.home / "config.toml").write_text("[limits]\nbytes_max = 1048576\n", "utf-8")
        databases = home.home / "data" / "databases"
        for empty in databases.iterdir():
            empty.unlink()
        subprocess.run([python, str(clients / "python" / "other_database.py"), str(databases / "OTHER.db")], check=True)
        done = subprocess.run(
            [python, str(clients / "python" / "suite.py"), *scripts, str(clients / "contract.json"), "default", "checks"],
            env={**home.environment, "SNOWGATE_HOME": str(home.home), "TEST_PATIENCE_SECONDS": str(int(PATIENCE_S))},
            capture_output=True,
            timeout=PATIENCE_S * 10,
            check=False,
        )
        said = done.stdout.decode(errors="replace")
        passed = [line for line in said.splitlines() if line.startswith("ok - ")]
        failed = [line for line in said.splitlines() if line.startswith("not ok - ")]
        unexpected = [line for line in failed if not any(word in line for word in options.sdk_known)]
        if unexpected or not passed:
            raise Failed("\n".join(unexpected) or said + done.stderr.decode(errors="replace"))
    return f"{len(passed)} checks passed" + "".join(f"; known: {line[9:]}" for line in failed)


def race(place, options):
    """Shims that start at once, again and again, while gateways are killed: each is answered, by one gateway."""
    longest, kills = [], 0
    with place() as home:
        for _ in range(options.rounds):
            began = time.monotonic()
            clients = [home.client() for _ in range(options.shims)]
            asked = []
            for at, client in enumerate(clients):
                info = {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": {"name": "race", "version": "1"}}
                first = client.send("initialize", info)
                client.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
                database = "ONE" if at % 2 == 0 else "TWO"
                asked.append((client, first, client.send_call("set_context", database=database), database))
            for _ in range(options.random.randrange(KILLS_A_ROUND_MAX + 1)):
                # No wait for anything: the moment is what is random here.
                time.sleep(options.random.random() * 0.5)
                kills += home.kill_gateways()
            for client, first, second, database in asked:
                answer = client.answer(first)
                if answer.get("result", {}).get("protocolVersion") != REVISION:
                    raise Failed(f"initialize: {answer}")
                answer = client.answer(second)
                if "result" not in answer or answer["result"].get("isError"):
                    raise Failed(f"set_context: {answer}")
                expect("the context", client.database(), database)
            longest.append(time.monotonic() - began)
            expect("gateways", len(home.gateways()), 1)
            expect("sessions", len(home.json("sessions")), options.shims)
            for client in clients:
                client.close()
            if options.random.random() < 0.5:
                kills += home.kill_gateways()
                until("the gateway is gone", lambda: not home.gateways())
            home.clients.clear()
    slowest, median = max(longest), statistics.median(longest)
    return f"{options.rounds} rounds of {options.shims} shims, {kills} gateways killed, a round {median:.1f} s (slowest {slowest:.1f} s)"


def kills(place, options):
    """The client is killed while its stdin stays open, then a shim, then the gateway: the others notice nothing."""
    with place() as home:
        other = home.client()
        other.initialize("other")
        figures = []

        # A client between this process and the shim: it is killed, and stdin stays open here.
        reading, writing = os.pipe()
        through = None
        if home.system.is_windows:
            shell = [*home.system.launcher, "cmd", "/c"]
            through = lambda command: [*shell, home.system.path(command[-1]) if home.system.launcher else command[-1]]  # noqa: E731
        client = home.client(through=through, stdin=reading)
        os.close(reading)
        client.input = os.fdopen(writing, "wb")
        client.initialize("killed")
        until("two sessions", lambda: len(home.json("sessions")) == 2)
        began = time.monotonic()
        client.process.kill()
        if not home.system.is_windows:
            client.input.close()
        until("the killed client's session is gone", lambda: len(home.json("sessions")) == 1)
        until("its shim has ended", lambda: sum(name == home.system.shim_name for name, _ in home.processes().values()) == 1)
        figures.append(f"client's end noticed in {time.monotonic() - began:.1f} s")

        client = home.client()
        client.initialize("shim")
        endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
        client.send_call("execute_query", query=endless)
        until("its statement runs", lambda: any(row.get("running") or row.get("requests") for row in home.json("sessions")))
        began = time.monotonic()
        own = {pid for pid, (name, _) in home.processes().items() if name == home.system.shim_name}
        # The newest of the two: Wine's process is not the one that this process has started where a launcher is between them.
        home.system.kill(client.process.pid if client.process.pid in own else max(own))
        until("the killed shim's session is gone", lambda: len(home.json("sessions")) == 1)
        figures.append(f"shim's end in {time.monotonic() - began:.1f} s")

        other.query("create table k (a integer)")
        other.call("set_context", database="TWO")
        slow = "with recursive n(i) as (select 1 union all select i + 1 from n limit 300000) select max(i) as n from n"
        times, killed = [], 0
        for _ in range(options.kills):
            running = other.send_call("execute_query", query=slow)
            time.sleep(options.random.random() * 0.3)
            began = time.monotonic()
            killed += home.kill_gateways()
            answer = other.answer(running)
            times.append(time.monotonic() - began)
            expect("a read over a kill", answer["result"]["content"][0]["text"].splitlines()[1], "300000")
            expect("the context over a kill", other.database(), "TWO")
        expect("gateways killed", killed, options.kills)
        figures.append(f"{killed} gateways killed, a read answered after {statistics.median(times):.1f} s (at most {max(times):.1f} s)")
        other.close()
    return ", ".join(figures)


class Load:
    """Clients that ask all the time, each with a context of its own that it checks."""

    def __init__(self, home, count):
        self.home, self.done, self.errors, self.answers = home, threading.Event(), [], [0] * count
        self.longest = [0.0] * count
        self.threads = [threading.Thread(target=self._work, args=(number,)) for number in range(count)]

    def _work(self, number):
        try:
            client = self.home.client()
            client.initialize(f"load-{number}")
            database = "ONE" if number % 2 == 0 else "TWO"
            client.call("set_context", database=database)
            while not self.done.is_set():
                began = time.monotonic()
                value = number * 1_000_000 + self.answers[number]
                expect("an answer", client.query(f"select {value} as n"), f"n\n{value}\n(1 row)")
                self.longest[number] = max(self.longest[number], time.monotonic() - began)
                self.answers[number] += 1
                if self.answers[number] % 10 == 0:
                    expect("the context", client.database(), database)
            client.close()
        except Exception as error:  # noqa: BLE001 - told by the scenario
            self.errors.append(f"client {number}: {error}")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.progress()
        return self

    def progress(self):
        """Waits until each client has got another answer."""
        before = list(self.answers)
        until(
            f"each client is answered again; {self.errors}",
            lambda: self.errors or all(now > then for now, then in zip(self.answers, before)),
        )
        if self.errors:
            raise Failed("; ".join(self.errors))

    def __exit__(self, kind, error, trace):
        self.done.set()
        for thread in self.threads:
            thread.join(PATIENCE_S)
        if error is None and self.errors:
            raise Failed("; ".join(self.errors))


def upgrade(place, options):
    """Restarts, and new programs in the place of those that run, under clients that ask all the time."""
    with place() as home, Load(home, options.clients) as load:
        times = []
        for number in range(options.restarts):
            before = home.json("status")
            if number % 2 == 1:
                # A running program can be renamed, not replaced; both are.
                for name in (home.system.gateway_name, home.system.shim_name):
                    program = home.bin / name
                    program.rename(home.bin / f"{name}.{number}.old")
                    shutil.copy2(home.bin / f"{name}.{number}.old", program)
            began = time.monotonic()
            done = home.run("restart")
            times.append(time.monotonic() - began)
            if done.returncode != 0:
                raise Failed(f"snowgate restart: {done.returncode}: {done.stderr.decode(errors='replace')}")
            load.progress()
            after = home.json("status")
            expect("gateways", len(home.gateways()), 1)
            if before["instance"] == after["instance"]:
                raise Failed("the gateway is the same after a restart")
        asked, longest = sum(load.answers), max(load.longest)
        # Nothing holds the old programs: they can be deleted once their shims are gone.
    return (
        f"{options.restarts} restarts, every other one with new programs, {statistics.median(times):.1f} s each; {options.clients} clients, "
        f"{asked} answers, no error, longest wait {longest:.1f} s"
    )


def journal(place, options):
    """Writes with keys of their own while gateways are killed: none is there twice, none that was confirmed is missing."""
    with place() as home:
        owner = home.client()
        owner.initialize("owner")
        owner.query("create table writes (k text)")
        confirmed, unknown, refused, errors = set(), set(), set(), []
        done = threading.Event()

        def write(number):
            try:
                client = home.client()
                client.initialize(f"writer-{number}")
                # At least so many, and for as long as gateways are killed.
                for at in itertools.count():
                    if at >= options.writes and done.is_set():
                        break
                    key = f"{number}-{at}"
                    answer = client.call("execute_query", query=f"insert into writes values ('{key}')")
                    text = json.dumps(answer)
                    result = answer.get("result")
                    if result is not None and not result.get("isError"):
                        confirmed.add(key)
                    elif "outcome unknown" in text:
                        unknown.add(key)
                    else:
                        refused.add(key)
                client.close()
            except Exception as error:  # noqa: BLE001 - told below
                errors.append(f"writer {number}: {error}")

        writers = [threading.Thread(target=write, args=(number,)) for number in range(options.clients)]
        for writer in writers:
            writer.start()
        killed = 0
        while killed < options.kills and any(writer.is_alive() for writer in writers):
            before = len(confirmed) + len(unknown)
            time.sleep(options.random.random())
            killed += home.kill_gateways()
            until("a write is answered", lambda: len(confirmed) + len(unknown) > before or not any(w.is_alive() for w in writers))
        done.set()
        for writer in writers:
            writer.join()
        if errors:
            raise Failed("; ".join(errors))
        rows = owner.query("select k, count(*) as c from writes group by k having count(*) > 1")
        if not rows.endswith("(0 rows)") and "(no rows)" not in rows and "(0 row" not in rows:
            raise Failed(f"written twice: {rows}")
        owner.close()
        home.run("stop")
        until("the gateway is gone", lambda: not home.gateways())
        # Without Snowgate: SQLite itself says what is there.
        import sqlite3

        with contextlib.closing(sqlite3.connect(home.home / "data" / "databases" / "ONE.db")) as database:
            found = [key for (key,) in database.execute("select k from writes")]
        if len(found) != len(set(found)):
            raise Failed(f"written twice: {sorted(key for key in set(found) if found.count(key) > 1)}")
        if missing := confirmed - set(found):
            raise Failed(f"confirmed and not there: {sorted(missing)}")
        if wrong := refused & set(found):
            raise Failed(f"refused and there: {sorted(wrong)}")
        if not confirmed or killed < options.kills:
            raise Failed(f"nothing was tried: {len(confirmed)} writes confirmed, {killed} gateways killed")
        there = len(unknown & set(found))
    return (
        f"{len(confirmed)} writes confirmed, {len(unknown)} of unknown outcome ({there} there), {len(refused)} refused, {killed} gateways "
        f"killed: none twice, none missing"
    )


def figures(place, options):
    """The shim's size, start time and memory. With Wine, memory is that of Wine's libraries, too."""
    with place() as home:
        first = home.client()
        first.initialize()
        times, memory = [], []
        for _ in range(options.starts):
            began = time.monotonic()
            client = home.client()
            client.request("ping")
            times.append(time.monotonic() - began)
            own = [pid for pid, (name, _) in home.processes().items() if name == home.system.shim_name]
            known = [kb for kb in map(home.system.resident_kb, own) if kb]
            memory.extend(known)
            client.close()
        version = []
        for _ in range(options.starts):
            began = time.monotonic()
            subprocess.run(home.command(home.system.shim_name, "--version"), env=home.environment, capture_output=True, check=True)
            version.append(time.monotonic() - began)
        first.close()
        size = (home.bin / home.system.shim_name).stat().st_size
        gateway = (home.bin / home.system.gateway_name).stat().st_size
    held = ""
    if memory:
        held = f", {statistics.median(kb[0] for kb in memory) / 1024:.1f} MB resident ({statistics.median(kb[1] for kb in memory) / 1024:.1f} MB its own)"
    return (
        f"shim {size} bytes, gateway {gateway} bytes; --version {statistics.median(version) * 1000:.0f} ms, "
        f"first answer {statistics.median(times) * 1000:.0f} ms (median of {options.starts}){held}"
    )


SCENARIOS = {run.__name__: run for run in (demo, session, sdk, kills, upgrade, journal, race, figures)}


# What a scenario fails by: an answer of another form than is expected, too.
CAUGHT = (Failed, OSError, subprocess.SubprocessError, LookupError, ValueError, TypeError, AttributeError)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--launcher", default="", type=shlex.split)
    parser.add_argument("--shims", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--writes", type=int, default=40)
    parser.add_argument("--restarts", type=int, default=6)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--sdk-known", action="append", default=[], help="words of a check of the SDK that may fail")
    parser.add_argument("scenario", nargs="+", choices=[*SCENARIOS, "all"])
    options = parser.parse_args()
    bin_dir = options.bin.resolve()
    system = System(bin_dir, options.launcher)
    names = list(SCENARIOS) if "all" in options.scenario else options.scenario
    print(f"seed {options.seed}", flush=True)
    failed = 0
    for name in names:
        options.random = random.Random(options.seed)
        began = time.monotonic()
        try:
            said = SCENARIOS[name](lambda toml="": Home(system, bin_dir, toml), options)
            print(f"ok     {name}: {said} [{time.monotonic() - began:.0f} s]", flush=True)
        except Skipped as error:
            print(f"SKIPPED {name}: {error}", flush=True)
        except CAUGHT as error:
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error} [{time.monotonic() - began:.0f} s]", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    CODE = main()
    sys.stdout.flush()
    # Threads may still read what a left process holds open.
    os._exit(CODE)
