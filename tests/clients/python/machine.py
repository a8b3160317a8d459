"""What the checks must know of the machine: processes, and the gateway's own view of its sessions."""

import asyncio
import json
import os
import subprocess
import time

POLL_S = 0.02


class Machine:
    """The gateway's command line in one SNOWGATE_HOME, and this process's children."""

    def __init__(self, gateway: str):
        self.gateway = gateway

    async def sessions(self) -> list[dict]:
        """`snowgate sessions --json`."""
        return await asyncio.to_thread(self._sessions)

    def _sessions(self) -> list[dict]:
        done = subprocess.run(
            [self.gateway, "sessions", "--json"], capture_output=True, text=True, timeout=10, check=False
        )
        if done.returncode != 0:
            raise AssertionError(f"`snowgate sessions --json` exited {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    async def until_sessions(self, what: str, holds, limit_s: float) -> None:
        """Waits until `holds` is true of the list of sessions."""
        deadline = time.monotonic() + limit_s
        while not holds(rows := await self.sessions()):
            if time.monotonic() > deadline:
                raise AssertionError(f"after {limit_s} s still not {what}: {json.dumps(rows)}")
            await asyncio.sleep(POLL_S)


def is_running(session: dict) -> bool:
    """Whether a request of this session is being worked on."""
    return session["running"] > 0


def children() -> set[int]:
    """Process ids of this process's children that still run."""
    listing = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True) if not _PROC else None
    rows = (line.split() for line in listing.stdout.splitlines()) if listing else _proc_rows()
    return {int(pid) for pid, parent, state in rows if int(parent) == os.getpid() and not state.startswith("Z")}


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
