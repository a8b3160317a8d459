"""The checks, one coroutine each. Every one gets a fresh connection, which `suite.py` closes and looks after."""

import asyncio
import re
import time
from contextlib import AsyncExitStack, asynccontextmanager

from machine import is_running

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
# What does not wait for the statement that was given up answers within this on the busiest machine. One that waited would
# wait for that statement's time-out, which is minutes.
PROMPT_S = 10
# The SDK kills a shim that is still there after 2 s: one that took less has ended by itself.
CLOSE_S = 1.9
TURNS = 50


def text_of(result: dict) -> str:
    """The text a model reads. Beside it a first result may say that it ran in a remembered context."""
    kinds = [part["type"] for part in result["content"]]
    notes = [part.get("text", "") for part in result["content"][1:]]
    expect(kinds[:1] == ["text"] and all("context" in note for note in notes), f"one text was expected, not {kinds}")
    return result["content"][0]["text"]


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def expect_text(text: str, case: dict) -> None:
    """The text matches all of `matches` and none of `lacks`, without regard to case."""
    for pattern in case.get("matches", []):
        expect(re.search(pattern, text, re.IGNORECASE), f"/{pattern}/ is not in:\n{text[:2000]}")
    for pattern in case.get("lacks", []):
        expect(not re.search(pattern, text, re.IGNORECASE), f"/{pattern}/ should not be in:\n{text[:2000]}")


async def greeting(suite, client) -> None:
    """The server says who it is and how to use it."""
    modern = suite.major == 2 and suite.mode == "default"
    expected = MODERN if modern else LEGACY
    expect(client.protocol == expected, f"negotiated {client.protocol}, not {expected}")
    expect(client.server.get("name") == "snowgate", f"server info is {client.server}")
    expect(re.match(r"\d+\.\d+\.\d+", client.server.get("version", "")), f"server info is {client.server}")
    expect(bool(client.instructions and client.instructions.strip()), "no instructions")


async def known(suite, client) -> None:
    """The gateway lists the session under its client's name and era."""
    await client.tools()
    era = "stateless" if client.protocol == MODERN else "handshake"
    known_as = (suite.client_name, f"{era} {client.protocol}")
    await suite.machine.until_sessions(
        f"one session of {known_as}",
        lambda rows: [(row["client"], row["era"]) for row in rows] == [known_as],
    )


async def tools(suite, client) -> None:
    """The tools, with their arguments and annotations."""
    listed = {tool["name"]: tool for tool in await client.tools()}
    expect(sorted(listed) == sorted(suite.contract["tools"]), f"the tools are {sorted(listed)}")
    for name, wanted in suite.contract["tools"].items():
        expect_tool(listed[name], wanted)


def expect_tool(tool: dict, wanted: dict) -> None:
    name, schema = tool["name"], tool["inputSchema"]
    required, arguments = sorted(schema.get("required", [])), sorted(schema.get("properties", {}))
    expect(required == sorted(wanted["required"]), f"{name} requires {required}")
    expect(arguments == sorted(wanted["required"] + wanted["optional"]), f"{name} takes {arguments}")
    expect(bool(tool.get("description", "").strip()), f"{name} has no description")
    if name == "execute_query":
        first = next(iter(schema["properties"]))
        expect(first == "query", f"the first argument of {name} is {first}")
    hint = tool.get("annotations", {}).get("readOnlyHint")
    expect(isinstance(hint, bool), f"{name} has no readOnlyHint: {tool.get('annotations')}")
    expect(wanted["read_only"] in (None, hint), f"{name} has readOnlyHint {hint}")


def call(case: dict):
    """A check that calls one tool and reads its answer."""

    async def check(_suite, client) -> None:
        result = await client.call(case["tool"], case["arguments"])
        text = text_of(result)
        failed = bool(result.get("isError"))
        expect(failed == case.get("is_error", False), f"isError is {failed}: {text[:2000]}")
        expect(not case.get("structured") or result.get("structuredContent"), f"no structuredContent: {result}")
        expect_text(text, case)

    return check


def refusal(case: dict, refused_type):
    """A check that a call is refused by the protocol's own error, and that the session goes on."""

    async def check(_suite, client) -> None:
        try:
            result = await client.call(case["tool"], case["arguments"])
        except refused_type as refused:
            expect(refused.code == case["code"], f"the error is {refused}")
            expect_text(refused.message, case)
        else:
            raise AssertionError(f"it was answered: {result}")
        await expect_prompt(client)

    return check


async def expect_prompt(client) -> None:
    """The session answers, and without delay."""
    asked = time.monotonic()
    result = await client.call("session_info", {})
    took = time.monotonic() - asked
    expect(not result.get("isError"), f"session_info failed: {text_of(result)}")
    expect(took < PROMPT_S, f"session_info took {took:.1f} s")


async def cancel(suite, client) -> None:
    """A query given up by its client stops, and the session goes on."""
    await client.call_and_abort("execute_query", endless(suite), suite.until_running)
    await expect_prompt(client)
    await suite.until_idle()


async def close_while_running(suite, client) -> None:
    """A client that goes away in the middle of a query: `suite.py` looks at what is left once it has closed."""
    call_ = asyncio.create_task(client.call("execute_query", endless(suite)))
    await suite.until_running()
    suite.expect_after_close(suite.until_idle)
    call_.add_done_callback(lambda task: task.cancelled() or task.exception())


def endless(suite) -> dict:
    return {"query": suite.contract["endless_sql"], "database": suite.contract["sample"]}


async def own_contexts(suite, client) -> None:
    """A client a database, all at once, in turns and at the same time."""
    first, *others = suite.contract["which_answers"]
    async with AsyncExitStack() as opened:
        homes = [(client, first)]
        homes += [(await opened.enter_async_context(suite.connect()), database) for database in others]
        for one, database in homes:
            result = await one.call("set_context", {"database": database})
            expect(not result.get("isError"), text_of(result))
        for _ in range(TURNS):
            await asyncio.gather(*(expect_own_context(suite, *home) for home in homes))


async def expect_own_context(suite, client, database: str) -> None:
    rows = text_of(await client.call("execute_query", {"query": suite.contract["which_sql"]}))
    wanted = suite.contract["which_answers"][database]
    others = [answer for answer in suite.contract["which_answers"].values() if answer != wanted]
    expect_text(rows, {"matches": [wanted], "lacks": others})
    info = await client.call("session_info", {})
    expect_text(text_of(info), {"matches": [rf"\b{database}\b"]})


async def large_result(suite, client) -> None:
    """A result of hundreds of kilobytes arrives whole and in order."""
    large = suite.contract["large"]
    arguments = {"query": large["sql"], "limit": large["rows"], "database": suite.contract["sample"]}
    text = text_of(await client.call("execute_query", arguments))
    rows = [(int(label), int(pad)) for label, pad in re.findall(large["row"], text)]
    expect(rows == [(i, i) for i in range(1, large["rows"] + 1)], f"{len(rows)} rows in {len(text)} characters")


@asynccontextmanager
async def closing(suite, opened):
    """Opens a connection, and sees that closing it ends the shim in time."""
    before = suite.children()
    async with opened as client:
        shims = suite.children() - before
        expect(len(shims) == 1, f"{len(shims)} processes were started, not one shim")
        try:
            yield client
        finally:
            closed = time.monotonic()
    took = time.monotonic() - closed
    expect(took < CLOSE_S, f"the shim took {took:.1f} s to end after its stdin was closed")
    left = shims & suite.children()
    expect(not left, f"the shim {left} is still there after the client has closed")
