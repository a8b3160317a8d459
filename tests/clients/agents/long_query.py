"""A query that takes longer than an agent waits for a tool, in front of the stand-in warehouse."""

import json
import os
import re
import signal
import subprocess
import threading
import time

# The warehouse holds the query for so long; the gateway is killed when half of it is over.
SECONDS = int(os.environ.get("SECONDS_HELD", 180))
HELD = "select held('agent') as tag"
RUNNING = re.compile(r'get_result \{"handle":"(\w+)"\} waits')
CONFIG = """[backend]
kind = "snowflake"
[snowflake]
account = "org-test"
user = "TESTER"
host = "127.0.0.1"
port = {port}
protocol = "http"
private_key_file = {key}
"""


def script(results):
    """Asks once, and then for the result for as long as the statement runs."""
    if not results:
        return "execute_query", {"query": HELD}
    running = RUNNING.search(text(results[-1]))
    return ("get_result", {"handle": running[1]}) if running else None


def text(result):
    """A result as it is read: agents put JSON into JSON."""
    return result.replace("\\", "")


class Warehouse:
    """The stand-in, `cargo build -p warehouse --example serve`. It serves until it is closed."""

    def __init__(self, program):
        self.process = subprocess.Popen(
            [program, "--port", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.port = int(self.after("listening on ").rpartition(":")[2])
        self.key = self.after("private key ")

    def after(self, words):
        for line in self.process.stdout:
            if line.startswith(words):
                return line.removeprefix(words).strip()
        raise RuntimeError(f"the stand-in did not say {words!r}")

    def config(self):
        return CONFIG.format(port=self.port, key=json.dumps(self.key))

    def release(self):
        self.process.stdin.write("release agent\n")

    def submissions(self):
        """How often the held query was sent to it. It has to be the last thing that is asked of it."""
        self.process.stdin.write("seen\nquit\n")
        return sum("held('agent')" in line for line in self.process.stdout)

    def close(self):
        self.process.kill()
        self.process.wait()


class Meanwhile(threading.Thread):
    """What happens while the query is held: the gateway dies, and the warehouse ends the query."""

    def __init__(self, warehouse, programs, environment):
        super().__init__(daemon=True)
        self.warehouse, self.programs, self.environment = warehouse, programs, environment
        self.killed = None
        self.is_over = threading.Event()

    def status(self):
        command = [self.programs / "snowgate", "status", "--json"]
        told = subprocess.run(command, env=self.environment, capture_output=True, text=True).stdout
        return json.loads(told) if told else {}

    def is_under_way(self):
        status = self.status()
        return status.get("connections_open", 0) > status.get("connections_idle", 0)

    def run(self):
        while not self.is_under_way() and not self.is_over.wait(0.5):
            pass
        began = time.monotonic()
        if not self.is_over.wait(SECONDS / 2) and (pid := self.status().get("pid")):
            os.kill(pid, signal.SIGKILL)
            self.killed = pid
        if not self.is_over.wait(max(0, began + SECONDS - time.monotonic())):
            self.warehouse.release()


def faults(model, meanwhile, warehouse):
    """What is wrong, as lines."""
    results = [text(result) for result in model.results]
    if meanwhile.killed is None:
        yield "its gateway was not killed: the query did not take so long"
    if not results or "(1 row)" not in results[-1] or "agent" not in results[-1]:
        yield f"no row: {results}"
    waits = sum(RUNNING.search(result) is not None for result in results)
    if waits != len(results) - 1 or not waits:
        yield f"a call that is neither waited for nor the result: {results}"
    if (submissions := warehouse.submissions()) != 1:
        yield f"the query was sent {submissions} times"
