"""Bounds on waiting."""

import os
from contextlib import contextmanager

import anyio

# A client waits no longer than this for anything: far longer than anything takes on a machine that is busy. The tests
# pass their own bound on.
WAIT_S = int(os.environ.get("TEST_PATIENCE_SECONDS", "60"))
# A whole check is several steps.
CHECK_S = 3 * WAIT_S


@contextmanager
def within(limit_s: float, what: str):
    """Fails what takes longer. Gives the scope, whose deadline may be moved."""
    with anyio.move_on_after(limit_s) as scope:
        yield scope
    if scope.cancelled_caught:
        raise AssertionError(f"not within {limit_s} s: {what}")


class Bounded:
    """A client that waits at most `WAIT_S` for each answer."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        return getattr(self._client, name)

    async def tools(self) -> list[dict]:
        with within(WAIT_S, "the list of tools"):
            return await self._client.tools()

    async def call(self, tool: str, arguments: dict) -> dict:
        with within(WAIT_S, f"the answer to {tool} {arguments}"):
            return await self._client.call(tool, arguments)

    async def call_and_abort(self, tool: str, arguments: dict, started) -> None:
        with within(WAIT_S, f"the end of {tool} {arguments}, given up"):
            await self._client.call_and_abort(tool, arguments, started)
