"""Snowflake's official Python connector against the stand-in warehouse. See `README.md`.

Usage: connector.py HOST:PORT SECRETS CHECK...

SECRETS is JSON: what the stand-in's user logs in with. Each check is a function below, and prints `ok - name` or
`not ok - name: why`.
"""

import datetime
import json
import sys
import threading
import traceback
import urllib.request
import webbrowser
from decimal import Decimal

import snowflake.connector
from snowflake.connector.constants import QueryStatus
from snowflake.connector.errors import DatabaseError, ProgrammingError

ADDRESS, SECRETS = sys.argv[1], json.loads(sys.argv[2])
MAJOR = int(snowflake.connector.__version__.partition(".")[0])
ENDLESS = "select held('never')"


def connect(**options):
    host, port = ADDRESS.split(":")
    usual = {"user": SECRETS["user"], "account": "org-acct", "host": host, "port": int(port), "protocol": "http"}
    if not options.keys() & {"password", "token", "private_key_file", "authenticator"}:
        options["password"] = SECRETS["password"]
    return snowflake.connector.connect(**usual, **options)


def rows(connection, sql, **options):
    return connection.cursor().execute(sql, **options).fetchall()


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"{found!r} instead of {wanted!r}")


def error_of(run) -> DatabaseError:
    try:
        run()
    except DatabaseError as error:
        return error
    raise AssertionError("it should have failed")


def types():
    """Every type, decoded by somebody else's code."""
    usual, extreme, nulls = rows(connect(), "select * from types")
    local = datetime.timezone(datetime.timedelta(hours=-8))
    zoned = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    expect(
        usual[:15],
        (
            42, Decimal("1.5"), 1.5, Decimal("1.2345e20"), "plain", True, datetime.date(2024, 2, 29),
            datetime.time(23, 59, 59, 123456), datetime.datetime(2024, 2, 28, 16, 0, 0, 123456, local),
            datetime.datetime(2024, 2, 29, 0, 0, 0, 123456), datetime.datetime(2024, 2, 29, 5, 30, 0, 123456, zoned),
            '{\n  "a": [\n    1,\n    null\n  ]\n}', '{\n  "k": 1\n}', '[\n  1,\n  "two"\n]', b"\x00\xff",
        ),
    )
    expect(usual[17], [1.0, 2.5, -3.0])
    expect(extreme[0], -99999999999999999999999999999999999999)
    expect(extreme[4], 'quote " backslash \\ newline \n tab \t Zoë 漢字 🦀')
    expect((extreme[6], extreme[9]), (datetime.date(1, 1, 1), datetime.datetime(1900, 1, 1)))
    expect(set(nulls), {None})


def chunks():
    """Rows of many chunks, complete and in order; an empty result keeps its columns."""
    connection = connect()
    old_key = [", encoding => 'plain', key => 'qrmk'"] if MAJOR < 5 else []
    for rest in ["", ", key => 'both', text => 9", *old_key]:
        sql = f"select * from table(generator(rowcount => 20000, chunks => 7, inline => 100{rest}))"
        expect([row[0] for row in rows(connection, sql)], list(range(20000)))
    empty = connection.cursor().execute("select * from orders limit 0")
    expect((empty.fetchall(), [column.name for column in empty.description]), ([], ["ID", "CUSTOMER", "AMOUNT", "PLACED"]))


def context():
    connection = connect(database="staging", role="LOADER", session_parameters={"QUERY_TAG": "from python"})
    context_of = lambda: (connection.role, connection.warehouse, connection.database, connection.schema)
    expect(context_of(), ("LOADER", "COMPUTE_WH", "STAGING", "PUBLIC"))
    rows(connection, 'use schema staging."Mixed Case"')
    rows(connection, "use warehouse big_wh")
    expect(context_of(), ("LOADER", "BIG_WH", "STAGING", "Mixed Case"))
    expect(rows(connection, "select current_database(), current_schema()"), [("STAGING", "Mixed Case")])
    expect([row[1] for row in rows(connection, "show databases like 's%'")], ["SALES", "STAGING"])


def errors():
    error = error_of(lambda: rows(connect(), "select * from nope"))
    expect((error.errno, error.sqlstate, len(error.sfqid)), (2003, "42S02", 36))


def inserts():
    cursor = connect().cursor()
    cursor.execute("insert into staging.public.log values ('a'), ('b')")
    expect((cursor.rowcount, cursor.fetchall()), (2, [(2,)]))


def polled():
    expect(rows(connect(), "select polls(3)"), [(3,)])


def cancelled():
    """The connector's own time-out aborts the query; the session goes on."""
    connection = connect()
    error = error_of(lambda: rows(connection, ENDLESS, timeout=1))
    expect((error.errno, error.sqlstate), (604, "57014"))
    expect(rows(connection, "select 1"), [(1,)])


def detached():
    connection = connect()
    cursor = connection.cursor()
    cursor.execute_async("select system$wait(20, 'MILLISECONDS')")
    cursor.get_results_from_sfqid(cursor.sfqid)
    expect(cursor.fetchall(), [("waited 20 milliseconds",)])
    cursor.execute_async(ENDLESS)
    endless = cursor.sfqid
    expect(connection.get_query_status(endless), QueryStatus.RUNNING)
    expect(cursor.abort_query(endless), True)
    expect(connection.get_query_status(endless), QueryStatus.ABORTED)


def closed():
    connection = connect()
    connection.rest._heartbeat()
    connection.close()


def statements():
    """The test makes something go wrong at the second one."""
    connection = connect()
    expect(rows(connection, "select 1"), [(1,)])
    expect(rows(connection, "insert into staging.public.log values ('k')"), [(1,)])
    expect(rows(connection, "select current_database()"), [("SALES",)])


def keys():
    connect(private_key_file=SECRETS["private_key"], authenticator="SNOWFLAKE_JWT").close()
    encrypted = {"private_key_file": SECRETS["encrypted_private_key"], "private_key_file_pwd": SECRETS["passphrase"]}
    connect(**encrypted, authenticator="SNOWFLAKE_JWT").close()
    other = {"private_key_file": SECRETS["other_private_key"], "authenticator": "SNOWFLAKE_JWT"}
    expect(error_of(lambda: connect(**other)).errno, 390144)


def tokens():
    connect(token=SECRETS["oauth_token"], authenticator="oauth").close()
    connect(token=SECRETS["access_token"], authenticator="PROGRAMMATIC_ACCESS_TOKEN").close()
    expect(error_of(lambda: connect(token="x", authenticator="PROGRAMMATIC_ACCESS_TOKEN")).errno, 394400)


def passwords():
    connect().close()
    expect(error_of(lambda: connect(password="x")).errno, 390100)


def second_factor():
    """With a passcode; then, at the next log-in, with the token that was granted for it."""
    options = {"password": SECRETS["password"], "authenticator": "username_password_mfa", "client_request_mfa_token": True}
    connect(**options, passcode="123456").close()
    connect(**options).close()


class Visitor(webbrowser.BaseBrowser):
    """Goes where a browser would."""

    def open(self, url, new=0, autoraise=True):
        threading.Thread(target=lambda: urllib.request.urlopen(url).read(), daemon=True).start()
        return True


def browser():
    """By browser; then, at the next log-in, with the token that was granted for it."""
    webbrowser.register("visitor", None, Visitor(), preferred=True)
    options = {"authenticator": "externalbrowser", "client_store_temporary_credential": True}
    connect(**options).close()
    webbrowser.register("visitor", None, None, preferred=True)
    connect(**options).close()


def main() -> None:
    failed = 0
    for name in sys.argv[3:]:
        try:
            globals()[name]()
            print(f"ok - {name}")
        except Exception as error:
            failed += 1
            print(f"not ok - {name}: {error!r}\n{''.join(traceback.format_tb(error.__traceback__)[-3:])}")
    sys.exit(bool(failed))


main()
