"""Rows as the protocol's JSON carries them: of each value a text, or null."""

import base64
import datetime
import decimal
import io
import json

import pyarrow as pa

EPOCH = datetime.date(1970, 1, 1)


def table_of(rowset_base64: str) -> pa.Table | None:
    """The rows of an answer in Arrow format; `None` where it has none."""
    if not rowset_base64:
        return None
    return pa.ipc.open_stream(io.BytesIO(base64.b64decode(rowset_base64))).read_all()


def rows_of(table: pa.Table, rowtype: list[dict]) -> list[list[str | None]]:
    """The rows of a table whose columns are of these types."""
    columns = [[cell(value, column["type"]) for value in values.to_pylist()] for values, column in zip(table.columns, rowtype)]
    return [list(row) for row in zip(*columns)]


def without_brackets(rows: list[list[str | None]]) -> bytes:
    """Rows as a chunk holds them."""
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))[1:-1].encode()


def cell(value, kind: str) -> str | None:
    """One value of a column of type `kind`."""
    if value is None:
        return None
    if isinstance(value, dict):
        return timestamp(value)
    match kind:
        case "boolean":
            return "1" if value else "0"
        case "date":
            return str((value - EPOCH).days)
        case "time":
            # Nanoseconds since midnight.
            return f"{value // 10**9}.{value % 10**9:09}"
        case "binary":
            return bytes(value).hex().upper()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return repr(value) if isinstance(value, float) else str(value)


def timestamp(value: dict) -> str | None:
    """Seconds and nanoseconds, and for a time with zone its offset; fakesnow gives NULL as a struct of NULLs."""
    if value["epoch"] is None:
        return None
    seconds, fraction = value["epoch"], value["fraction"]
    # A fraction always counts forward, also before 1970.
    sign = "-" if seconds < 0 else ""
    if seconds < 0 and fraction:
        seconds, fraction = seconds + 1, 10**9 - fraction
    text = f"{sign}{abs(seconds)}.{fraction:09}"
    return f"{text} {value['timezone']}" if "timezone" in value else text
