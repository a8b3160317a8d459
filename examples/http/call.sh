#!/bin/sh
# Runs a statement and writes its rows as CSV:  call.sh 'SELECT ...' [URL]
# SNOWGATE_KEY has the API key, where the gateway asks for one.
set -eu
query=$(printf '%s' "$1" | python3 -c 'import json, sys; print(json.dumps(sys.stdin.read()))')
url=${2:-http://127.0.0.1:8473}
curl --silent --show-error --fail-with-body "$url/mcp/tools/call" \
    --header 'Content-Type: application/json' --header 'Accept: text/csv' \
    ${SNOWGATE_KEY:+--header "Authorization: Bearer $SNOWGATE_KEY"} \
    --data "{\"name\": \"execute_query\", \"arguments\": {\"query\": $query, \"limit\": 10000}}"
