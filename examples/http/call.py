#!/usr/bin/env python3
"""Calls a tool of a Snowgate gateway over HTTP, with nothing but the standard library.

    call.py execute_query '{"query": "SELECT 1 AS n"}' [URL]

SNOWGATE_KEY has the API key, where the gateway asks for one. What may pass is tried again when the gateway says; a call keeps
its Idempotency-Key, so that what changes something never runs twice.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

ATTEMPTS = 5


def call(url, tool, arguments, client_id="example"):
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Snowgate-Client-Id": client_id,
        "Idempotency-Key": str(uuid.uuid4()),
    }
    if key := os.environ.get("SNOWGATE_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    body = json.dumps({"name": tool, "arguments": arguments}).encode()
    for attempt in range(1, ATTEMPTS + 1):
        request = urllib.request.Request(f"{url}/mcp/tools/call", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return json.load(answer)["result"]
        except urllib.error.HTTPError as failed:
            error = json.load(failed)["error"]
            if failed.code not in (429, 503) or attempt == ATTEMPTS:
                step = error.get("next_step")
                raise SystemExit(f"{error['code']}: {error['message']}" + (f"\n{step}" if step else "")) from None
            time.sleep(int(failed.headers.get("Retry-After", "1")))


if __name__ == "__main__":
    arguments = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    result = call(sys.argv[3] if len(sys.argv) > 3 else "http://127.0.0.1:8473", sys.argv[1], arguments)
    if "rows" in result:
        print(*(column["name"] for column in result["columns"]), sep="\t")
        for row in result["rows"]:
            print(*("" if value is None else value for value in row), sep="\t")
        print(result["note"], file=sys.stderr)
    else:
        print(json.dumps(result.get("structuredContent", result), indent=2))
