"""Many clients at once, as a stranger would write them: httpx against `POST /mcp/tools/call`, websockets against `/mcp`.

    multi.py URL SCENARIO

The scenarios are those of the system whose endpoints these are: five clients at once, clients in three databases, limits of
one that leave the others alone, fifty sessions, WebSockets. Prints `ok - name` or `not ok - name: why` for each check, then
`N passed, N failed`; exits with 1 if one failed.
"""

import asyncio
import json
import sys

import httpx
import websockets

BASE = sys.argv[1].rstrip("/")
RESULTS = []


def check(name, holds, why=""):
    RESULTS.append(bool(holds))
    print(f"ok - {name}" if holds else f"not ok - {name}: {why}", flush=True)


async def call(http, client_id, tool, arguments, form="envelope", **headers):
    """One call; returns status and JSON."""
    params = {**arguments, "_client_id": client_id, "_request_id": f"{client_id}-1"}
    if form == "envelope":
        body = {"jsonrpc": "2.0", "id": client_id, "method": tool, "params": params}
    elif form == "tools/call":
        body = {"method": "tools/call", "params": {"name": tool, "arguments": arguments, "_client_id": client_id}}
    else:
        body = {"name": tool, "arguments": arguments, "_client_id": client_id}
    answer = await http.post(f"{BASE}/mcp/tools/call", json=body, headers=headers)
    return answer.status_code, answer.json()


def text(answer):
    return answer["result"]["content"][0]["text"]


async def five(http):
    """Five clients at once, in all three forms: each gets its own answers."""
    forms = ["envelope", "tools/call", "plain", "envelope", "plain"]

    async def client(number):
        wrong = []
        for turn in range(20):
            value = number * 1000 + turn
            status, answer = await call(
                http, f"five-{number}", "execute_query", {"query": f"select {value} as v"}, forms[number]
            )
            expected_id = f"five-{number}" if forms[number] == "envelope" else answer.get("id")
            if status != 200 or text(answer) != f"v\n{value}\n(1 row)" or answer.get("id") != expected_id:
                wrong.append((status, answer))
        return wrong

    wrong = sum(await asyncio.gather(*(client(number) for number in range(5))), [])
    check("five clients at once get their own answers", not wrong, wrong[:1])


async def databases(http):
    """Three client ids in three databases at once, each sees its own."""
    names = ["ALPHA", "BETA", "GAMMA"]

    async def client(name):
        status, answer = await call(http, f"in-{name}", "set_context", {"database": name})
        wrong = [] if status == 200 else [(status, answer)]
        for turn in range(15):
            status, answer = await call(http, f"in-{name}", "execute_query", {"query": "select tag from me"})
            if status != 200 or text(answer) != f"tag\n{name}\n(1 row)":
                wrong.append((name, status, answer))
            other = names[(names.index(name) + 1 + turn % 2) % 3]
            status, answer = await call(
                http, f"in-{name}", "execute_query", {"query": "select tag from me", "database": other}
            )
            if status != 200 or text(answer) != f"tag\n{other}\n(1 row)":
                wrong.append((name, other, status, answer))
        status, answer = await call(http, f"in-{name}", "session_info", {})
        if answer["result"]["structuredContent"]["context"]["database"] != name:
            wrong.append((name, answer))
        return wrong

    wrong = sum(await asyncio.gather(*(client(name) for name in names)), [])
    check("three clients in three databases each see their own", not wrong, wrong[:1])


async def limits(http):
    """The limit of one client (20 calls a minute) leaves the other alone."""

    async def eager():
        answers = await asyncio.gather(*(call(http, "eager", "session_info", {}) for _ in range(40)))
        return [status for status, _ in answers]

    async def patient():
        return [(await call(http, "patient", "session_info", {}))[0] for _ in range(10)]

    eager_statuses, patient_statuses = await asyncio.gather(eager(), patient())
    check(
        "who calls too often is told so",
        eager_statuses.count(200) == 20 and eager_statuses.count(429) == 20,
        eager_statuses,
    )
    check("the other client is served all the while", patient_statuses == [200] * 10, patient_statuses)
    body = {"name": "session_info", "_client_id": "eager"}
    refused = await http.post(f"{BASE}/mcp/tools/call", json=body)
    check("and when to come again", int(refused.headers["Retry-After"]) >= 1, dict(refused.headers))


async def fifty(http):
    """Fifty sessions with something of their own."""

    async def client(number):
        name = f"fifty-{number}"
        database = ["ALPHA", "BETA", "GAMMA"][number % 3]
        wrong = []
        for tool, arguments in [
            ("set_context", {"database": database}),
            ("execute_query", {"query": f"insert into own values ({number})"}),
        ]:
            status, answer = await call(http, name, tool, arguments)
            if status != 200:
                wrong.append((name, status, answer))
        query = {"query": f"select tag, (select count(*) from own where v = {number}) as n from me"}
        status, answer = await call(http, name, "execute_query", query)
        if status != 200 or text(answer) != f"tag|n\n{database}|1\n(1 row)":
            wrong.append((name, status, answer))
        status, answer = await call(http, name, "session_info", {})
        return wrong, answer["result"]["structuredContent"]["session"]

    done = await asyncio.gather(*(client(number) for number in range(50)))
    wrong = sum((wrong for wrong, _ in done), [])
    check("fifty clients each have their own", not wrong, wrong[:1])
    check("in fifty sessions", len({session for _, session in done}) == 50)


async def sockets(_):
    """WebSocket clients at once: messages of each come back to it, ids alike."""
    address = BASE.replace("http", "ws", 1) + "/mcp"

    async def client(number):
        async with websockets.connect(address) as socket:

            async def ask(message_id, method, params):
                message = {"jsonrpc": "2.0", "id": message_id, "method": method, "params": params}
                await socket.send(json.dumps(message))
                while True:
                    answer = json.loads(await socket.recv())
                    if answer.get("id") == message_id:
                        return answer

            await ask(
                0,
                "initialize",
                {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "clientInfo": {"name": f"socket-{number}", "version": "1"},
                },
            )
            await socket.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            wrong = []
            for turn in range(1, 11):
                arguments = {"query": f"select {number * 1000 + turn} as v"}
                answer = await ask(turn, "tools/call", {"name": "execute_query", "arguments": arguments})
                if text(answer) != f"v\n{number * 1000 + turn}\n(1 row)":
                    wrong.append(answer)
            return wrong

    wrong = sum(await asyncio.gather(*(client(number) for number in range(8))), [])
    check("WebSocket clients at once get their own answers", not wrong, wrong[:1])


SCENARIOS = {"five": five, "databases": databases, "limits": limits, "fifty": fifty, "sockets": sockets}


async def main():
    bounds = httpx.Limits(max_connections=60)
    async with httpx.AsyncClient(timeout=120, limits=bounds, trust_env=False) as http:
        await SCENARIOS[sys.argv[2]](http)
    print(f"{sum(RESULTS)} passed, {len(RESULTS) - sum(RESULTS)} failed")
    sys.exit(0 if RESULTS and all(RESULTS) else 1)


asyncio.run(main())
