"""Runs statements with Snowflake's official Python connector. See `README.md`.

Usage: run.py HOST:PORT FILE

FILE holds a JSON list of statements. Prints the rows of the last one as a JSON list, in a line of its own.
"""

import json
import sys
from pathlib import Path

import snowflake.connector

HOST, PORT = sys.argv[1].split(":")

connection = snowflake.connector.connect(
    user="me", password="any", account="org-acct", host=HOST, port=int(PORT), protocol="http"
)
rows = []
for statement in json.loads(Path(sys.argv[2]).read_text("utf-8")):
    rows = connection.cursor().execute(statement).fetchall()
connection.close()
print(json.dumps(rows, default=str))
