#!/usr/bin/env python3
"""A validator: asked about each statement of a profile, one JSON object a line, and answers one a line.

    [profiles.analyst]
    validator = ["python3", "/path/to/validator.py"]

This one lets statements that change something run only on working days, and no client read more than ten tables at once.
"""

import datetime
import json
import sys

CHANGES = {"write", "ddl", "admin", "call", "file", "unknown"}
TABLES_MAX = 10


def verdict(question):
    """Why the statement may not run; None: it may."""
    if question["class"] in CHANGES and datetime.date.today().weekday() >= 5:
        return "nothing is changed on Saturdays and Sundays"
    tables = [thing for thing in question["objects"] if thing["kind"] == "relation"]
    if len(tables) > TABLES_MAX:
        return f"it touches {len(tables)} tables, and {TABLES_MAX} are the most"
    return None


for line in sys.stdin:
    question = json.loads(line)
    reason = verdict(question)
    answer = {"id": question["id"], "allow": reason is None, "reason": reason}
    print(json.dumps(answer), flush=True)
