"""Snowflake's official Python connector, one statement for each line that comes.

Usage: connector.py HOST:PORT
"""

import json
import sys

import snowflake.connector

HOST, PORT = sys.argv[1].split(":")

connection = snowflake.connector.connect(
    user="me", password="any", account="org-acct", host=HOST, port=int(PORT), protocol="http", database="ONE", schema="PUBLIC"
)
for line in sys.stdin:
    rows = connection.cursor().execute("select 1").fetchall()
    answer = {"jsonrpc": "2.0", "id": json.loads(line)["id"], "result": {"rows": rows}}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
