"""The protocol around fakesnow: what its own server leaves out.

fakesnow's handlers of log-ins and submissions are called as they are. Around them: master tokens and renewal, JSON rows in
chunks, detached and long queries, results and status by query id, aborts, the same request id as the same query, errors
with a query id instead of HTTP 500, and the session's role and warehouse.
"""

import asyncio
import gzip
import json
from urllib.parse import urlencode

import fakesnow.server as fs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import cells
from queries import ROWS_CHUNK, Queries, Query, failure, request_of
from sessions import Session, Sessions

# Log-ins, ever.
log_ins = 0
# A question for the result of a running query is held for so long.
HOLD_S = 45

sessions = Sessions()
queries = Queries()


class Refused(Exception):
    """A request that is answered with a code."""

    def __init__(self, code: str, message: str):
        self.answer = {"data": None, "code": code, "message": message, "success": False, "headers": None}


async def refused(_request: Request, refusal: Refused) -> JSONResponse:
    return JSONResponse(refusal.answer)


def success(data) -> JSONResponse:
    return JSONResponse({"data": data, "code": None, "message": None, "success": True})


async def body_of(request: Request) -> dict:
    body = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body) if body else {}


def token_of(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix('Snowflake Token="').removesuffix('"')


def session_of(request: Request) -> Session:
    if session := sessions.of_token(token_of(request)):
        return session
    raise Refused("390111", "Session no longer exists.  New login required to access the service.")


async def log_in(request: Request) -> JSONResponse:
    global log_ins
    log_ins += 1
    body = await body_of(request)
    data = body["data"]
    data.setdefault("SESSION_PARAMETERS", {})
    asked = dict(request.query_params)
    if "databaseName" in asked:
        # Every database has this schema, and is entered by it.
        asked.setdefault("schemaName", "PUBLIC")
    response = await fs.login_request(request_of(request.url.path, urlencode(asked), body))
    answer = json.loads(response.body)
    granted = answer["data"]
    name = lambda key, default: request.query_params.get(key, default).strip('"').upper()
    session = Session(
        granted["token"], data.get("LOGIN_NAME", "").upper(), name("roleName", "SYSADMIN"), name("warehouse", "COMPUTE_WH")
    )
    sessions.add(session)
    granted["sessionInfo"].update(roleName=session.role, warehouseName=session.warehouse)
    granted.update(
        token=session.token, validityInSeconds=3600, masterToken=session.master, masterValidityInSeconds=14400,
        displayUserName=session.user, sessionId=session.number, firstLogin=False, healthCheckInterval=45,
        idToken=None, idTokenValidityInSeconds=0, mfaToken=None, mfaTokenValidityInSeconds=0,
    )
    granted["parameters"] += [{"name": "TIMEZONE", "value": "Etc/UTC"}, {"name": "CLIENT_TELEMETRY_ENABLED", "value": False}]
    return success(granted)


async def renew(request: Request) -> JSONResponse:
    session = sessions.of_master(token_of(request))
    if not session:
        raise Refused("390114", "Authentication token has expired.  The user must authenticate again.")
    sessions.renew(session)
    return success({
        "sessionToken": session.token, "validityInSecondsST": 3600, "masterToken": session.master,
        "validityInSecondsMT": 14400, "sessionId": session.number,
    })


async def heartbeat(request: Request) -> JSONResponse:
    session_of(request)
    return success(None)


async def close(request: Request) -> JSONResponse:
    session = session_of(request)
    if request.query_params.get("delete"):
        sessions.end(session)
    return success(None)


async def submit(request: Request) -> JSONResponse:
    session, body = session_of(request), await body_of(request)
    request_id = request.query_params.get("requestId", "")
    query = queries.by_request(session, request_id) or queries.start(session, request_id, body)
    return running(query) if query.detached else await answer(query, request)


def query_of(request: Request) -> Query:
    session, query = session_of(request), queries.get(request.path_params["id"])
    if query and query.session.user == session.user:
        return query
    raise Refused("000709", f"Statement {request.path_params['id']} not found")


async def result(request: Request) -> JSONResponse:
    return await answer(query_of(request), request)


async def answer(query: Query, request: Request) -> JSONResponse:
    """The result, or that it is not there yet."""
    await asyncio.wait([query.task], timeout=HOLD_S)
    if not query.task.done():
        return running(query)
    if query.task.exception():
        return JSONResponse(failure("000603", "XX000", f"{query.task.exception()!r}"))
    if not query.rows:
        return JSONResponse(query.answer)
    link = lambda start: {
        "url": f"{request.base_url}results/{query.id}/{start}", "rowCount": min(ROWS_CHUNK, query.rows.total - start),
        "uncompressedSize": 0, "compressedSize": 0,
    }
    data = {**query.answer["data"], "chunks": [link(start) for start in query.rows.starts()], "chunkHeaders": {}}
    return JSONResponse({**query.answer, "data": data})


def running(query: Query) -> JSONResponse:
    data = {
        "getResultUrl": f"/queries/{query.id}/result", "queryId": query.id, "progressDesc": None,
        "queryAbortsAfterSecs": 300,
    }
    code = "333334" if query.detached else "333333"
    return JSONResponse({"data": data, "code": code, "message": "Query execution in progress.", "success": True})


def chunk(request: Request) -> Response:
    query, start = queries.get(request.path_params["id"]), request.path_params["start"]
    if not query or not query.rows:
        return Response(status_code=404)
    rows = cells.without_brackets(query.rows.slice(start, ROWS_CHUNK))
    return Response(gzip.compress(rows, 1), headers={"content-encoding": "gzip"})


async def status(request: Request) -> JSONResponse:
    try:
        query = query_of(request)
    except Refused as refusal:
        if refusal.answer["code"] != "000709":
            raise
        return success({"queries": []})
    error = query.answer if query.answer and not query.answer["success"] else {}
    found = {"id": query.id, "status": query.status, "errorCode": error.get("code", ""), "errorMessage": error.get("message")}
    return success({"queries": [found]})


async def abort(request: Request) -> JSONResponse:
    session, body = session_of(request), await body_of(request)
    named = request.path_params.get("id")
    query = query_of(request) if named else queries.by_request(session, body.get("requestId", ""))
    if query and query.abort():
        return success(None)
    raise Refused("000605", "Identified SQL statement is not currently executing.")


async def counts(_request: Request) -> JSONResponse:
    """No part of the protocol: what a test counts here, where clients end."""
    return JSONResponse({"log_ins": log_ins, "sessions": len(sessions), "queries": queries.started})


async def telemetry(_request: Request) -> JSONResponse:
    return success("Log Received")


app = Starlette(
    routes=[
        Route("/session/v1/login-request", log_in, methods=["POST"]),
        Route("/session/token-request", renew, methods=["POST"]),
        Route("/session/heartbeat", heartbeat, methods=["POST"]),
        Route("/session", close, methods=["POST"]),
        Route("/queries/v1/query-request", submit, methods=["POST"]),
        Route("/queries/v1/abort-request", abort, methods=["POST"]),
        Route("/queries/{id}/abort-request", abort, methods=["POST"]),
        Route("/queries/{id}/result", result),
        Route("/monitoring/queries/{id}", status),
        Route("/results/{id}/{start:int}", chunk),
        Route("/counts", counts),
        Route("/telemetry/send", telemetry, methods=["POST"]),
    ],
    exception_handlers={Refused: refused},
)
