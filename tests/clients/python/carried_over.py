"""The gateway goes while a client is connected: the client sees right answers, each once, and its session goes on."""

import asyncio
import itertools
import uuid

import checks
from bounds import Bounded
from checks import expect, text_of
from machine import FAULTS

# Writes sent at once, and how many of them are answered when the gateway goes.
WRITES = 20
WRITES_ANSWERED = 5


class Trial:
    """One connection, and the gateway that is about to go."""

    def __init__(self, suite, client, fault):
        self.suite = suite
        self.client = Bounded(client)
        self.fault = fault
        self.words = suite.contract["carried_over"]
        # The name is this trial's alone: no other session's context will do.
        self.context = {"database": suite.contract["other"], "warehouse": new_tag()}
        self.gateway = {}

    async def begin(self) -> None:
        """A session in a context of its own, with a table to write to."""
        result = await self.client.call("set_context", self.context)
        expect(not result.get("isError"), text_of(result))
        await self.rows(self.words["table_sql"])
        self.gateway = await self.suite.machine.status()

    async def strike(self) -> None:
        """The gateway goes, and is gone."""
        await self.suite.machine.end(self.fault, self.gateway["pid"])

    async def rows(self, sql: str) -> str:
        """The text of a statement that must succeed."""
        result = await self.client.call("execute_query", {"query": sql})
        expect(not result.get("isError"), f"{sql}: {text_of(result)}")
        return text_of(result)

    async def write(self, tag: str, statement: str) -> bool:
        """Writes a row; whether that was acknowledged. Any other answer must say that nobody knows."""
        sql = self.words[statement].replace("{tag}", tag)
        result = await self.client.call("execute_query", {"query": sql})
        text = text_of(result)
        if result.get("isError"):
            expect(text.startswith(self.words["outcome_unknown"]), f"a write was answered: {text}")
            expect(not self.fault.lets_finish, f"a write was not let finish: {text}")
            return False
        expect(text == self.words["written"], f"a write was answered: {text}")
        return True

    async def expect_written(self, tag: str, acknowledged: bool) -> None:
        """The row is there at most once, and is there if its writing was acknowledged."""
        count = await self.rows(self.words["count_sql"].replace("{tag}", tag))
        allowed = ["once"] if acknowledged else ["once", "never"]
        expect(count in map(self.words.get, allowed), f"acknowledged: {acknowledged}, and the table has {count!r}")

    async def expect_context(self) -> None:
        await checks.expect_own_context(self.suite, self.client, self.context["database"])
        info = text_of(await self.client.call("session_info", {}))
        expect(self.context["warehouse"] in info, f"{self.context['warehouse']} is not in:\n{info}")

    async def expect_goes_on(self) -> None:
        """Context, list, name and notifications are as before, on another gateway; no message came that nobody asked for."""
        await self.expect_context()
        await checks.tools(self.suite, self.client)
        await checks.known(self.suite, self.client)
        await checks.cancel(self.suite, self.client)
        now = await self.suite.machine.status()
        expect(now["instance"] != self.gateway["instance"], f"the gateway was not {self.fault.name}: {now}")
        expect(not self.client.strays, f"messages that nobody asked for: {self.client.strays}")


async def idle(trial: Trial) -> None:
    """Nothing is under way."""
    await trial.strike()


async def reading(trial: Trial) -> None:
    """A read is under way: its right rows come."""
    read = asyncio.create_task(trial.rows(trial.words["read"]["sql"]))
    await trial.suite.until_running()
    await trial.strike()
    text = await read
    expect(text == trial.words["read"]["text"], f"the rows are {text!r}")


async def writing(trial: Trial) -> None:
    """A write is under way: it is not run twice."""
    tag = new_tag()
    write = asyncio.create_task(trial.write(tag, "slow_write_sql"))
    await trial.suite.until_running()
    await trial.strike()
    await trial.expect_written(tag, await write)


async def writing_much(trial: Trial) -> None:
    """Writes are waiting, under way and answered: none is run twice."""
    tags = [new_tag() for _ in range(WRITES)]
    writes = [asyncio.create_task(trial.write(tag, "write_sql")) for tag in tags]
    acknowledged = asyncio.gather(*writes)
    for write in itertools.islice(asyncio.as_completed(writes), WRITES_ANSWERED):
        await write
    await trial.strike()
    for tag, was_acknowledged in zip(tags, await acknowledged, strict=True):
        await trial.expect_written(tag, was_acknowledged)


async def answered(trial: Trial) -> None:
    """A write has just been answered, and the next call does not wait until the gateway is gone."""
    tag = new_tag()
    expect(await trial.write(tag, "write_sql"), "the write was not acknowledged before anything happened")
    striking = asyncio.create_task(trial.strike())
    await trial.expect_written(tag, True)
    await trial.expect_context()
    await striking


def new_tag() -> str:
    return uuid.uuid4().hex


def during(fault, act):
    """A check that `act` goes well and that the session goes on."""

    async def check(suite, client) -> None:
        trial = Trial(suite, client, fault)
        await trial.begin()
        await act(trial)
        await trial.expect_goes_on()

    return check


MOMENTS = [
    ("an idle session goes on", idle),
    ("a read under way gives its rows", reading),
    ("a write under way is not run twice", writing),
    ("of many writes none is run twice", writing_much),
    ("what was just answered stays, and the next call works", answered),
]


def all_checks(_suite):
    """Every check with its name, in order."""
    for fault in FAULTS:
        for name, act in MOMENTS:
            yield f"{fault.name}: {name}", during(fault, act)
