"""Queries: each runs as a task of its own, so that it can be polled, looked at, aborted, and found again by its name."""

import asyncio
import json
import logging
import uuid
from collections import OrderedDict
from contextvars import ContextVar
from urllib.parse import quote

import fakesnow.server as fs
from fakesnow.dialect import parse
from sqlglot import exp
from sqlglot.errors import SqlglotError
from starlette.requests import Request

import cells
import statements
from sessions import Session

# Queries whose results are kept, the latest ones. By then every client has fetched what it wanted.
QUERIES_MAX = 2000
# Rows in an answer, and in each chunk of the rest.
ROWS_INLINE = 10_000
ROWS_CHUNK = 50_000
INTERRUPT_PAUSE_S = 0.02

_cause: ContextVar[list] = ContextVar("cause")


class _Causes(logging.Handler):
    """fakesnow logs what its own failures come from, and does not say it."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and _cause.get(None) is not None:
            _cause.get().append(record.exc_info[1])


fs.logger.handlers = [_Causes()]
fs.logger.propagate = False


class Query:
    """A query. `answer` is there when it is done."""

    def __init__(self, session: Session, request_id: str, body: dict):
        self.id = str(uuid.uuid4())
        self.session = session
        self.request_id = request_id
        self.body = body
        self.detached = bool(body.get("asyncExec"))
        # In seconds; 0 is none.
        self.timeout_s = int((body.get("parameters") or {}).get("STATEMENT_TIMEOUT_IN_SECONDS", 0))
        self.expired = False
        self.status = "RUNNING"
        self.answer: dict | None = None
        self.rows: Rows | None = None
        self.task: asyncio.Task | None = None
        self.stopping: asyncio.Task | None = None

    def abort(self) -> bool:
        """Gives whether it was running."""
        if self.status != "RUNNING":
            return False
        self.status = "ABORTED"
        self.stopping = asyncio.create_task(self._stop())
        return True

    def expire(self) -> None:
        """Its time is over."""
        self.expired = self.abort()

    async def _stop(self) -> None:
        """Interrupts it until it has stopped: before it has got as far as DuckDB, that is lost."""
        while self.session.running is self:
            self.session.interrupt()
            await asyncio.sleep(INTERRUPT_PAUSE_S)


class Rows:
    """The rows of a result, as fakesnow gives them; made into JSON when they are asked for."""

    def __init__(self, table, rowtype: list[dict]):
        self.table = table
        self.rowtype = rowtype
        self.total = table.num_rows

    def slice(self, start: int, length: int) -> list[list[str | None]]:
        return cells.rows_of(self.table.slice(start, length), self.rowtype)

    def starts(self) -> range:
        """The first rows of the chunks."""
        return range(ROWS_INLINE, self.total, ROWS_CHUNK)


class Queries:
    """The latest queries, by their own names and by their clients' names for them."""

    def __init__(self):
        self._by_id: OrderedDict[str, Query] = OrderedDict()
        self._by_request: dict[tuple[str, str], Query] = {}
        # Ever.
        self.started = 0
        # What fakesnow calls them.
        self.fakesnow_ids: dict[str, str] = {}

    def get(self, query_id: str) -> Query | None:
        return self._by_id.get(query_id)

    def by_request(self, session: Session, request_id: str) -> Query | None:
        return self._by_request.get((session.user, request_id))

    def start(self, session: Session, request_id: str, body: dict) -> Query:
        query = Query(session, request_id, body)
        self.started += 1
        self._by_id[query.id] = query
        if request_id:
            self._by_request[session.user, request_id] = query
        query.task = asyncio.create_task(self._run(query))
        while len(self._by_id) > QUERIES_MAX and next(iter(self._by_id.values())).answer:
            _, oldest = self._by_id.popitem(last=False)
            self._by_request.pop((oldest.session.user, oldest.request_id), None)
            self.fakesnow_ids.pop(oldest.id, None)
        return query

    async def _run(self, query: Query) -> None:
        session = query.session
        async with session.lock:
            session.running = query
            clock = query.timeout_s and asyncio.get_running_loop().call_later(query.timeout_s, query.expire)
            try:
                answer = canceled() if query.status == "ABORTED" else await self._answer(query)
            finally:
                session.running = None
                if clock:
                    clock.cancel()
            # An abort may come too late to stop it: then it has succeeded all the same.
            if answer["success"]:
                query.status = "SUCCESS"
            elif query.status == "ABORTED":
                answer = timed_out(query.timeout_s) if query.expired else canceled()
            else:
                query.status = "FAILED_WITH_ERROR"
            query.answer = self._complete(query, answer)

    async def _answer(self, query: Query) -> dict:
        sql, session = query.body.get("sqlText", ""), query.session
        if statements.is_alter_session(sql):
            return status(statements.DONE)
        if asked := statements.get_ddl(sql):
            return await definition(session, *asked)
        if (count := statement_count(sql)) > 1:
            return failure("000008", "0A000", f"Actual statement count {count} did not match the desired statement count 1.")
        sql = statements.with_schemas(statements.with_ids(sql, self.fakesnow_ids))
        answer = await ask(session, {**query.body, "sqlText": sql})
        if answer["success"]:
            if used := statements.used(sql):
                setattr(session, *used)
            if database := statements.used_database(sql):
                # Every database has this schema, and is entered by it.
                await ask(session, {"sqlText": f"create schema if not exists {database}.public"})
                await ask(session, {"sqlText": f"use schema {database}.public"})
            if fakesnow_id := answer["data"].get("queryId"):
                self.fakesnow_ids[query.id] = fakesnow_id
        return answer

    def _complete(self, query: Query, answer: dict) -> dict:
        """The answer with all that the protocol asks for. Rows in Arrow format become JSON."""
        data = answer["data"]
        data["queryId"] = query.id
        answer.setdefault("code", None)
        answer.setdefault("message", None)
        if not answer["success"] or "rowtype" not in data:
            return answer
        session = query.session
        data.update(
            finalRoleName=session.role, finalWarehouseName=session.warehouse, databaseProvider=None,
            numberOfBinds=0, arrayBindSupported=False, version=1, queryResultFormat="json",
        )
        data.update(finalDatabaseName=session.connection.database, finalSchemaName=session.connection.schema)
        data.setdefault("parameters", [{"name": "TIMEZONE", "value": "Etc/UTC"}])
        table = cells.table_of(data.pop("rowsetBase64", ""))
        if table is not None:
            query.rows = Rows(table, data["rowtype"])
            data["rowset"], data["total"] = query.rows.slice(0, ROWS_INLINE), query.rows.total
        data.setdefault("rowset", [])
        data["returned"] = data.setdefault("total", len(data["rowset"]))
        return answer


async def ask(session: Session, body: dict) -> dict:
    """fakesnow's own answer to a submission."""
    causes: list = []
    _cause.set(causes)
    response = await fs.query_request(request_of("/queries/v1/query-request", "", body, session.fakesnow_token))
    answer = json.loads(response.body)
    if answer["success"]:
        return answer
    data = answer.get("data") or {}
    if causes:
        # An HTTP 500 there; the official drivers would repeat it for minutes.
        return failure("000603", "XX000", f"SQL execution internal error:\nfakesnow: {causes[-1]}")
    code, state = data.get("errorCode") or answer["code"], data.get("sqlState") or ""
    return failure(code, state, answer["message"].removeprefix(f"{code} ({state}): "))


def statement_count(sql: str) -> int:
    """How many statements `sql` is. What cannot be parsed is one, and fails as such."""
    if ";" not in sql:
        return 1
    try:
        return sum(bool(statement) and not isinstance(statement, exp.Semicolon) for statement in parse(sql))
    except SqlglotError:
        return 1


async def definition(session: Session, kind: str, name: str, column: str) -> dict:
    """The answer to `GET_DDL`."""
    sql = f"describe table {statements.with_schemas(name)}" if kind == "table" else statements.view_lookup(statements.with_schemas(name))
    answer = await ask(session, {"sqlText": sql})
    if not answer["success"]:
        return answer
    table = cells.table_of(answer["data"]["rowsetBase64"])
    if not table:
        return failure("002003", "42S02", f"SQL compilation error:\nObject '{name}' does not exist or not authorized.")
    rows = cells.rows_of(table, answer["data"]["rowtype"])
    text = statements.table_definition(name, rows) if kind == "table" else rows[0][0]
    return status(text, column, statement_type=0x1000)


def status(text: str, column: str = "status", statement_type: int = 0x4000) -> dict:
    """A success with one text."""
    rowtype = [{**statements.STATUS, "name": column}]
    data = {"rowtype": rowtype, "rowset": [[text]], "total": 1, "statementTypeId": statement_type}
    return {"data": data, "success": True}


def failure(code: str, sql_state: str, message: str) -> dict:
    data = {
        "internalError": False, "errorCode": code, "age": 0, "sqlState": sql_state, "line": -1, "pos": -1,
        "type": "COMPILATION",
    }
    return {"data": data, "code": code, "message": message, "success": False, "headers": None}


def canceled() -> dict:
    return failure("000604", "57014", "SQL execution canceled")


def timed_out(seconds: int) -> dict:
    message = f"Statement reached its statement or warehouse timeout of {seconds} second(s) and was canceled."
    return failure("000630", "57014", message)


def request_of(path: str, query: str, body: dict, token: str = "") -> Request:
    """A request to fakesnow's own handlers."""
    headers = [(b"authorization", f'Snowflake Token="{token}"'.encode())] if token else []
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": quote(path).encode(), "headers": headers,
        "query_string": query.encode(), "scheme": "http", "server": ("127.0.0.1", 0), "client": ("127.0.0.1", 0),
    }

    async def receive() -> dict:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    return Request(scope, receive)
