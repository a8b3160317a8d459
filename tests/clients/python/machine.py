"""What the checks must know of the machine: processes, and the gateway's own view of its sessions."""

import asyncio
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass

from bounds import WAIT_S

POLL_S = 0.02


@dataclass(frozen=True)
class Fault:
    """A way in which a gateway goes."""

    name: str
    # The subcommand that does it; none: it is killed.
    command: str | None = None
    # Whether statements under way get the time to finish.
    lets_finish: bool = False
    # Whether the next gateway is the same process.
    keeps_process: bool = False


FAULTS = [
    Fault("killed"),
    Fault("stopped", "stop", lets_finish=True),
    Fault("restarted", "restart", lets_finish=True, keeps_process=True),
]


class Machine:
    """The gateway's command line in one SNOWGATE_HOME, and this process's children."""

    def __init__(self, gateway: str):
        self.gateway = gateway

    async def sessions(self) -> list[dict]:
        """`snowgate sessions --json`."""
        return json.loads(await self._run("sessions", "--json"))

    async def status(self) -> dict:
        """`snowgate status --json`."""
        return json.loads(await self._run("status", "--json"))

    async def end(self, fault: Fault, pid: int) -> None:
        """Ends the gateway with this process id, and waits until it is gone."""
        if fault.command:
            await self._run(fault.command)
        else:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + WAIT_S
        while runs(pid) and not fault.keeps_process:
            if time.monotonic() > deadline:
                raise AssertionError(f"after {WAIT_S} s the gateway {pid} was not {fault.name}")
            await asyncio.sleep(POLL_S)

    async def _run(self, *arguments: str) -> str:
        """What the gateway's program says to these arguments."""
        done = await asyncio.to_thread(self._finished, *arguments)
        if done.returncode != 0:
            command = " ".join(["snowgate", *arguments])
            raise AssertionError(f"`{command}` exited {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _finished(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self.gateway, *arguments], capture_output=True, text=True, timeout=WAIT_S, check=False
        )

    async def until_sessions(self, what: str, holds) -> None:
        """Waits until `holds` is true of the list of sessions."""
        deadline = time.monotonic() + WAIT_S
        while not holds(rows := await self.sessions()):
            if time.monotonic() > deadline:
                raise AssertionError(f"after {WAIT_S} s still not {what}: {json.dumps(rows)}")
            await asyncio.sleep(POLL_S)


def is_running(session: dict) -> bool:
    """Whether a request of this session is being worked on."""
    return session["running"] > 0


def children() -> set[int]:
    """Process ids of this process's children that still run."""
    return {pid for pid, parent in _running() if parent == os.getpid()}


def runs(pid: int) -> bool:
    """Whether the process runs: one that has ended and waits for its parent to notice does not."""
    return any(running == pid for running, _ in _running())


def _running():
    """Each process that runs, with its parent."""
    listing = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True) if not _PROC else None
    rows = (line.split() for line in listing.stdout.splitlines()) if listing else _proc_rows()
    return ((int(pid), int(parent)) for pid, parent, state in rows if not state.startswith("Z"))


_PROC = os.path.isdir("/proc/self")


def _proc_rows():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                # The command's name stands in parentheses and may hold spaces.
                state, parent = stat.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        yield pid, parent, state
