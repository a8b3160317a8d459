"""Drives `snowgate-shim` with the official Python SDK. See `../README.md`.

Usage: SNOWGATE_HOME=... suite.py SHIM GATEWAY CONTRACT [default|legacy] [checks|carried-over|http]

For the plan `http`, SHIM is the URL of a gateway that runs: http://... or ws://...
"""

import asyncio
import json
import math
import os
import sys
import traceback
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

import carried_over
import checks
import machine
import sdk
from bounds import CHECK_S, WAIT_S, within

TRACEBACK_FRAMES = 3


class Suite:
    """What the checks share, and the tally."""

    def __init__(self, shim: str, gateway: str, contract: str, mode: str):
        self.shim = shim
        self.mode = mode
        self.major = sdk.MAJOR
        self.client_name = sdk.CLIENT_NAME
        self.machine = machine.Machine(gateway)
        self.contract = json.loads(Path(contract).read_text("utf-8"))
        self.children = machine.children
        self.passed = self.failed = 0
        self._after_close = self._failure = None

    @asynccontextmanager
    async def connect(self):
        """A connection whose shim is looked after."""
        home = {"SNOWGATE_HOME": os.environ["SNOWGATE_HOME"]}
        with within(WAIT_S, "a connection") as opening:
            opened = sdk.connect(self.shim, home, self.mode)
            # Over HTTP there is no shim to look after.
            looked_after = opened if sdk.is_url(self.shim) else checks.closing(self, opened)
            async with looked_after as client:
                opening.deadline = math.inf
                yield client

    def expect_after_close(self, expectation) -> None:
        """Has `expectation()` awaited once the check's connection is closed."""
        self._after_close = expectation

    async def until_running(self) -> None:
        await self.machine.until_sessions("running", lambda rows: any(map(machine.is_running, rows)))

    async def until_idle(self) -> None:
        await self.machine.until_sessions("idle", lambda rows: not any(map(machine.is_running, rows)))

    async def until_none(self) -> None:
        await self.machine.until_sessions("without sessions", lambda rows: not rows)

    async def run(self, name: str, check) -> None:
        """Runs one check on a connection of its own and prints what came of it."""
        try:
            with anyio.fail_after(CHECK_S):
                await self._connected(check)
        except Exception as error:
            self.failed += 1
            print(f"not ok - {name}: {cause(self._failure or error)}", flush=True)
        else:
            self.passed += 1
            print(f"ok - {name}", flush=True)

    async def _connected(self, check) -> None:
        self._after_close = self._failure = None
        async with self.connect() as client:
            try:
                await check(self, client)
            except Exception as failure:
                # Closing with calls under way may fail as well, which would hide this.
                self._failure = failure
                raise
        if self._after_close:
            await self._after_close()


def cause(error: BaseException) -> str:
    """The innermost message: task groups wrap what a check says."""
    while inner := getattr(error, "exceptions", None):
        error = inner[0]
    if isinstance(error, AssertionError):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"not done within {CHECK_S} s"
    return "".join(traceback.format_exception(error, limit=-TRACEBACK_FRAMES)).rstrip()


def all_checks(suite: Suite):
    """Every check with its name, in order."""
    contract = suite.contract
    yield "the server says who it is", checks.greeting
    if not sdk.is_url(suite.shim):
        # A stateless client over HTTP has no session that ends with it: those of the checks before are there, too.
        yield "the gateway knows its client", checks.known
    yield "the tools are listed", checks.tools
    for case in contract["calls"]:
        yield case["name"], checks.call(case)
    for case in contract["refusals"]:
        yield case["name"], checks.refusal(case, sdk.Refused)
    yield "a cancelled query stops and the session goes on", checks.cancel
    yield "a client that goes away takes its query along", checks.close_while_running
    yield "clients at the same time keep their own contexts", checks.own_contexts
    yield "a large result arrives whole", checks.large_result


PLANS = {"checks": all_checks, "carried-over": carried_over.all_checks, "http": all_checks}
# Mode and plan.
DEFAULTS = ["default", "checks"]


async def main(shim: str, gateway: str, contract: str, mode: str, plan: str) -> int:
    suite = Suite(shim, gateway, contract, mode)
    for name, check in PLANS[plan](suite):
        await suite.run(name, check)
    try:
        # A stateless client over HTTP leaves its session to the next that comes under its name.
        is_stateless = sdk.is_url(shim) and sdk.MAJOR == 2 and mode == "default"
        await (suite.until_idle() if is_stateless else suite.until_none())
        print("ok - no session is left")
        suite.passed += 1
    except AssertionError as error:
        print(f"not ok - no session is left: {error}")
        suite.failed += 1
    print(f"{suite.passed} passed, {suite.failed} failed")
    return 1 if suite.failed else 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    arguments += DEFAULTS[len(arguments) - 3 :]
    known = len(arguments) == 5 and arguments[3] in sdk.MODES and arguments[4] in PLANS
    if not known or "SNOWGATE_HOME" not in os.environ:
        sys.exit(f"{__doc__}\nThis SDK has the modes {', '.join(sdk.MODES)}.")
    sys.exit(asyncio.run(main(*arguments)))
