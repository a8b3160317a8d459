"""The two majors of the official Python SDK behind one interface; nothing else in this folder knows which it is.

Requests and results are plain JSON values, named as on the wire.
"""

import asyncio
import logging
import uuid
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version

import mcp
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

MAJOR = int(version("mcp").split(".")[0])
MODES = {1: ["default"], 2: ["default", "legacy"]}[MAJOR]
CLIENT_NAME = f"snowgate-python-{MAJOR}"


class Refused(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, message: str):
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


def _plain(model) -> dict:
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


@asynccontextmanager
async def connect(shim: str, env: dict[str, str], mode: str):
    """A connected client; leaving the context closes it as the SDK does. In place of a shim there may be a URL."""
    async with _transport(shim, env) as transport:
        opened = _connect_1(transport) if MAJOR == 1 else _connect_2(transport, mode)
        async with opened as connection:
            yield connection


def is_url(shim: str) -> bool:
    """Whether it is the address of a gateway and no program."""
    return "://" in shim


@asynccontextmanager
async def _transport(shim: str, env: dict[str, str]):
    if not is_url(shim):
        server = StdioServerParameters(command=shim, args=[], env=env)
        yield stdio_client(server) if MAJOR == 1 else server
    elif shim.startswith("ws"):
        from mcp.client.websocket import websocket_client

        yield websocket_client(shim)
    else:
        # Clients of one name that hold no session are one client, unless their users tell them apart.
        async with create_mcp_http_client(headers={"Snowgate-Client-Id": uuid.uuid4().hex}) as client:
            yield streamable_http_client(shim, http_client=client)


class _Strays(logging.Handler):
    """Messages that nobody asked for: a second answer, or what is no message at all.

    The first major hands them all to the message handler; the second hands over what is no message, and only logs an
    answer to no request.
    """

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.found = []

    async def hear(self, message) -> None:
        if isinstance(message, Exception):
            self.found.append(str(message))

    def emit(self, record) -> None:
        if "request id" in record.msg:
            self.found.append(record.getMessage())

    @contextmanager
    def listening(self):
        dispatcher = logging.getLogger("mcp.shared.jsonrpc_dispatcher")
        dispatcher.setLevel(logging.DEBUG)
        dispatcher.addHandler(self)
        try:
            yield self
        finally:
            dispatcher.removeHandler(self)


@asynccontextmanager
async def _connect_1(transport):
    info = mcp.types.Implementation(name=CLIENT_NAME, version="1")
    strays = _Strays()
    async with transport as (reader, writer, *_):
        session = mcp.ClientSession(reader, writer, client_info=info, message_handler=strays.hear)
        async with session:
            yield _Connection1(session, await session.initialize(), strays.found)


@asynccontextmanager
async def _connect_2(server, mode: str):
    info = mcp.types.Implementation(name=CLIENT_NAME, version="1")
    mode = "auto" if mode == "default" else mode
    with _Strays().listening() as strays:
        async with mcp.Client(server, client_info=info, mode=mode, message_handler=strays.hear) as client:
            yield _Connection2(client, strays.found)


class _Connection:
    """What both majors share: plain values, and errors as `Refused`."""

    async def call(self, tool: str, arguments: dict) -> dict:
        try:
            return _plain(await self._call(tool, arguments))
        except _PROTOCOL_ERROR as error:
            raise Refused(error.error.code, error.error.message) from error

    async def call_and_abort(self, tool: str, arguments: dict, started) -> None:
        """Calls, waits for `started()`, then gives the call up the way a client of this SDK does."""
        call = asyncio.create_task(self.call(tool, arguments))
        cancel = self._canceller()
        waiting = asyncio.create_task(started())
        await asyncio.wait({call, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if call.done():
            waiting.cancel()
            raise AssertionError(f"the call ended before it was cancelled: {call.exception() or call.result()}")
        await waiting
        await cancel()
        call.cancel()
        await asyncio.wait({call})


class _Connection1(_Connection):
    def __init__(self, session, initialized, strays):
        self._session = session
        self.strays = strays
        self.server = _plain(initialized.serverInfo)
        self.instructions = initialized.instructions
        self.protocol = initialized.protocolVersion

    async def tools(self) -> list[dict]:
        return [_plain(tool) for tool in (await self._session.list_tools()).tools]

    async def _call(self, tool, arguments):
        return await self._session.call_tool(tool, arguments)

    def _canceller(self):
        # This major tells the server nothing when a call is given up: its users send the notification themselves
        # and have no public way to learn the request's id. The task of the call has not run yet: the id is next.
        request_id = self._session._request_id

        async def cancel():
            params = mcp.types.CancelledNotificationParams(requestId=request_id, reason="given up")
            notification = mcp.types.CancelledNotification(params=params)
            await self._session.send_notification(mcp.types.ClientNotification(notification))

        return cancel


class _Connection2(_Connection):
    def __init__(self, client, strays):
        self._client = client
        self.strays = strays
        self.server = _plain(client.server_info) if client.server_info else {}
        self.instructions = client.instructions
        self.protocol = client.protocol_version

    async def tools(self) -> list[dict]:
        return [_plain(tool) for tool in (await self._client.list_tools()).tools]

    async def _call(self, tool, arguments):
        return await self._client.call_tool(tool, arguments)

    def _canceller(self):
        async def cancel():
            """Cancelling the call's task is enough: this major then tells the server."""

        return cancel


_PROTOCOL_ERROR = mcp.McpError if MAJOR == 1 else mcp.MCPError
