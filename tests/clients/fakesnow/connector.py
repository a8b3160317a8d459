"""Snowflake's official Python connector against fakesnow: what a test of Snowgate relies on. See `README.md`.

Usage: connector.py HOST:PORT
"""

import datetime
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import snowflake.connector
from snowflake.connector.constants import QueryStatus
from snowflake.connector.errors import DatabaseError

HOST, PORT = sys.argv[1].split(":")
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"


def connect(**options):
    usual = {"user": "me", "password": "any", "account": "org-acct", "host": HOST, "port": int(PORT), "protocol": "http"}
    return snowflake.connector.connect(**usual, **{"database": "ONE", "schema": "PUBLIC", **options})


def rows(connection, sql, **options):
    return connection.cursor().execute(sql, **options).fetchall()


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"{found!r} instead of {wanted!r}")


def code_of(run) -> tuple:
    try:
        run()
    except DatabaseError as error:
        expect(len(error.sfqid), 36)
        return error.errno, error.sqlstate
    raise AssertionError("it should have failed")


connection = connect()
expect(rows(connection, "select 1"), [(1,)])

# Statements.
rows(connection, "create table t (a int, b varchar)")
rows(connection, "insert into t values (1, 'x'), (2, null)")
rows(connection, "create view v as select a from t")
expect(rows(connection, "select * from t order by a"), [(1, "x"), (2, None)])
expect([row[1] for row in rows(connection, "show tables in schema one.public")], ["T"])
expect([row[0] for row in rows(connection, "describe table t")], ["A", "B"])
expect(rows(connection, "select get_ddl('table', 'one.public.t')")[0][0].split(" (")[0], "create or replace TABLE T")
expect("SELECT A" in rows(connection, "select get_ddl('view', 'v')")[0][0], True)
expect(rows(connection, "select b, '..' from \"ONE\"..t where a = 1"), [("x", "..")])

# Context.
rows(connection, "alter session set query_tag = 'x'")
rows(connection, "use role analyst")
rows(connection, 'use warehouse "My Wh"')
expect((connection.role, connection.warehouse, connection.database), ("ANALYST", "My Wh", "ONE"))
other = connect(database="TWO", schema=None)
expect(rows(other, "select current_database(), current_schema()"), [("TWO", "PUBLIC")])
rows(other, "create database three")
rows(other, "create schema three.extra")
rows(other, "use schema three.extra")
rows(other, "use database one")
expect((other.database, other.schema), ("ONE", "PUBLIC"))
rows(other, "use database three")
expect((other.database, other.schema), ("THREE", "PUBLIC"))

# Values, decoded by somebody else's code.
values = rows(
    connection,
    "select 1.5::number(38,2), '2024-02-29'::date, '23:59:59.5'::time, '1969-12-31 23:59:59.5'::timestamp_ntz, true, "
    "null, null::timestamp_ntz, 1.5::float, to_binary('00ff','HEX')",
)[0]
expect(values[:3], (Decimal("1.50"), datetime.date(2024, 2, 29), datetime.time(23, 59, 59, 500000)))
expect(values[3:], (datetime.datetime(1969, 12, 31, 23, 59, 59, 500000), True, None, None, 1.5, b"\x00\xff"))
numbers = [row[0] for row in rows(connection, "select range from range(120000)")]
expect(numbers, list(range(120000)))

# Errors.
expect(code_of(lambda: rows(connection, "select * from nowhere")), (2003, "42S02"))
expect(code_of(lambda: rows(connection, "selec")), (1003, "42000"))
expect(code_of(lambda: rows(connection, "select 1; select 2")), (8, "0A000"))
expect(code_of(lambda: rows(connection, ENDLESS, _statement_params={"STATEMENT_TIMEOUT_IN_SECONDS": 1})), (630, "57014"))
rows(connection, "create table filled (a int not null)")
expect(code_of(lambda: rows(connection, "insert into filled values (null)")), (603, "XX000"))

# Cancel, detached queries, results by query id.
expect(code_of(lambda: rows(connection, ENDLESS, timeout=1)), (604, "57014"))
expect(rows(connection, "select 2"), [(2,)])
cursor = connection.cursor()
cursor.execute_async(ENDLESS)
expect(connection.get_query_status(cursor.sfqid), QueryStatus.RUNNING)
expect(cursor.abort_query(cursor.sfqid), True)
cursor.execute_async("select 42")
# From any session of the user's.
for session in [connection, other]:
    fetching = session.cursor()
    fetching.get_results_from_sfqid(cursor.sfqid)
    expect(fetching.fetchall(), [(42,)])

# Eight at once, on one session and on eight.
with ThreadPoolExecutor(8) as pool:
    for connections in [[connection] * 8, [connect() for _ in range(8)]]:
        expect([row[0][0] for row in pool.map(lambda one: rows(one, "select 7"), connections)], [7] * 8)

connection.close()
