"""Whether `/openapi.json` is a valid OpenAPI 3.1 document, and its examples what it says.

    openapi.py URL
"""

import sys

import httpx
import jsonschema
from openapi_spec_validator import OpenAPIV31SpecValidator

base = sys.argv[1].rstrip("/")
with httpx.Client(trust_env=False, timeout=60) as http:
    document = http.get(f"{base}/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    call = document["paths"]["/mcp/tools/call"]["post"]["requestBody"]["content"]["application/json"]
    # The document itself is what its references lead into.
    schema = {**call["schema"], "components": document["components"]}
    for name, example in call["examples"].items():
        jsonschema.Draft202012Validator(schema).validate(example["value"])
        answer = http.post(f"{base}/mcp/tools/call", json=example["value"])
        assert answer.status_code == 200, (name, answer.status_code, answer.text)
        result = document["components"]["schemas"]["result"]
        jsonschema.Draft202012Validator({**result, "components": document["components"]}).validate(answer.json())
print("valid")
