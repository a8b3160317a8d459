"""Holds the schemas of a tool list against what makers of models take. See `../README.md`.

Usage: check.py TOOLS.json
"""

import json
import sys
from pathlib import Path

from google.genai import _mcp_utils, types

# OpenAI's strict mode for functions, as its guide "Structured outputs" has it (2026-11).
STRICT_KEYWORDS = {
    "type", "description", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf",
    "$ref", "$defs", "pattern", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minItems", "maxItems",
}
STRICT_TYPES = {"string", "number", "integer", "boolean", "object", "array", "null"}
STRICT_PROPERTIES_MAX = 5_000
STRICT_DEPTH_MAX = 10
STRICT_NAMES_CHARS_MAX = 120_000


class Tool:
    """What google-genai looks at of a tool."""

    def __init__(self, listed: dict):
        self.name = listed["name"]
        self.description = listed["description"]
        self.inputSchema = listed["inputSchema"]


def google(listed: dict) -> None:
    """google-genai's own conversion, and the one that refuses what it does not know."""
    schema = listed["inputSchema"]
    converted = [
        _mcp_utils.mcp_to_gemini_tool(Tool(listed)).function_declarations[0].parameters,
        types.Schema.from_json_schema(
            json_schema=types.JSONSchema(**schema), raise_error_on_unsupported_field=True
        ),
    ]
    for result in converted:
        names = set(result.properties or {})
        assert names == set(schema["properties"]), f"properties became {names}"
        assert set(result.required or []) == set(schema.get("required", [])), f"required became {result.required}"
        for name, given in schema["properties"].items():
            kind = result.properties[name].type
            assert kind and kind.value == given["type"].upper(), f"{name} became {kind}"


def strict(schema: dict) -> dict:
    """`schema` as clients make it strict: every argument is there, an optional one may be null."""
    assert schema.get("additionalProperties", False) is False, "more is allowed than the schema says"
    required = schema.get("required", [])
    properties = {}
    for name, given in schema.get("properties", {}).items():
        property_ = {key: value for key, value in given.items() if key != "default"}
        if name not in required:
            assert isinstance(property_["type"], str), f"{name} has no plain type"
            property_["type"] = [property_["type"], "null"]
        properties[name] = property_
    return {**schema, "properties": properties, "required": list(properties), "additionalProperties": False}


def openai(listed: dict) -> None:
    """OpenAI's strict schema rules."""
    assert listed["name"].replace("_", "").replace("-", "").isalnum() and len(listed["name"]) <= 64
    assert len(listed["description"]) <= 1_024
    schema = strict(listed["inputSchema"])
    assert schema["type"] == "object" and "anyOf" not in schema, "the outermost schema must be an object"
    names = []
    walk(schema, 1, names)
    assert len(names) <= STRICT_PROPERTIES_MAX and sum(map(len, names)) <= STRICT_NAMES_CHARS_MAX


def walk(schema: dict, depth: int, names: list) -> None:
    assert depth <= STRICT_DEPTH_MAX, "nested too deeply"
    unknown = set(schema) - STRICT_KEYWORDS
    assert not unknown, f"keywords that strict mode does not take: {unknown}"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert set(kinds) <= STRICT_TYPES, f"types {kinds}"
    if "object" in kinds:
        properties = schema["properties"]
        assert schema["additionalProperties"] is False and set(schema["required"]) == set(properties)
        names.extend(properties)
        for property_ in properties.values():
            walk(property_, depth + 1, names)
    if "array" in kinds:
        walk(schema["items"], depth + 1, names)


def main() -> int:
    failed = 0
    for listed in json.loads(Path(sys.argv[1]).read_text("utf-8")):
        for check in (google, openai):
            try:
                check(listed)
                print(f"ok - {check.__name__}: {listed['name']}")
            except Exception as error:  # Whatever it is, the schema is not taken.
                failed += 1
                print(f"not ok - {check.__name__}: {listed['name']}: {type(error).__name__}: {error}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
