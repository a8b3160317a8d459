"""The statements that fakesnow lacks and that every client of a session sends: told apart by their text."""

import re

STATUS = {"name": "status", "type": "text", "length": 16777216, "precision": None, "scale": None, "nullable": True}
DONE = "Statement executed successfully."

_ALTER_SESSION = re.compile(r"\s*alter\s+session\s+(set|unset)\s+(?!autocommit\b)", re.IGNORECASE)
_USE = re.compile(r'\s*use\s+(role|warehouse)\s+(?:"((?:[^"]|"")+)"|([\w$]+))\s*;?\s*$', re.IGNORECASE)
_USE_DATABASE = re.compile(
    r'\s*(?:use\s+(?:database\s+)?(?!role\b|warehouse\b|schema\b|secondary\b)|create\s+database\s+(?!if\b))'
    r'("(?:[^"]|"")+"|[\w$]+)\s*;?\s*$',
    re.IGNORECASE,
)
_GET_DDL = re.compile(
    r"""\s*select\s+get_ddl\s*\(\s*'(table|view)'\s*,\s*'((?:[^']|'')+)'\s*(?:,\s*\w+\s*)?\)(?:\s+as\s+([\w$]+))?\s*;?\s*$""",
    re.IGNORECASE,
)
_PARTS = re.compile(r'"((?:[^"]|"")+)"|([\w$]+)')
# A text, a quoted name, or a database with its schema left out: two dots.
_NO_SCHEMA = re.compile(r"""('(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"(?!\.\.))|((?:"(?:[^"]|"")+"|\b[A-Za-z_][\w$]*))\.\.(?=["A-Za-z_])""")
_QUERY_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_alter_session(sql: str) -> bool:
    """`ALTER SESSION` of anything but AUTOCOMMIT, which fakesnow knows."""
    return bool(_ALTER_SESSION.match(sql))


def used(sql: str) -> tuple[str, str] | None:
    """What `USE ROLE` or `USE WAREHOUSE` names: (`role`, name). fakesnow takes both and remembers neither."""
    match = _USE.match(sql)
    if not match:
        return None
    quoted, plain = match[2], match[3]
    return match[1].lower(), quoted.replace('""', '"') if quoted else plain.upper()


def used_database(sql: str) -> str | None:
    """The database, as SQL, that `USE DATABASE` or `CREATE DATABASE` makes the current one."""
    match = _USE_DATABASE.match(sql)
    return match[1] if match else None


def get_ddl(sql: str) -> tuple[str, str, str] | None:
    """What `SELECT GET_DDL(...)` asks for: (`table` or `view`, the name as SQL, the column to give it in)."""
    match = _GET_DDL.match(sql)
    return (match[1].lower(), match[2].replace("''", "'"), (match[3] or "GET_DDL").upper()) if match else None


def with_schemas(sql: str) -> str:
    """`sql` with the schema named where two dots leave it out: `PUBLIC`."""
    return _NO_SCHEMA.sub(lambda match: match[1] or f"{match[2]}.PUBLIC.", sql)


def with_ids(sql: str, ids: dict[str, str]) -> str:
    """`sql` with the ids of queries replaced by what fakesnow calls them: `RESULT_SCAN` names one."""
    return _QUERY_ID.sub(lambda match: ids.get(match[0], match[0]), sql)


def table_definition(name: str, columns: list[list[str | None]]) -> str:
    """The statement that makes a table of these columns, as `DESCRIBE TABLE` lists them."""
    lines = [f"\t{spelled(column[0])} {column[1]}{'' if column[3] == 'Y' else ' NOT NULL'}" for column in columns]
    return f"create or replace TABLE {spelled(parts(name)[-1])} (\n" + ",\n".join(lines) + "\n);"


def spelled(name: str) -> str:
    """A name, quoted where it must be."""
    return name if re.fullmatch(r"[A-Z_][A-Z0-9_$]*", name) else '"' + name.replace('"', '""') + '"'


def view_lookup(name: str) -> str:
    """The statement that finds a view's definition."""
    database, schema, view = [None, None, *parts(name)][-3:]
    place = spelled(database) + "." if database else ""
    condition = f" and table_schema = {text(schema)}" if schema else ""
    return f"select view_definition from {place}information_schema.views where table_name = {text(view)}{condition}"


def parts(name: str) -> list[str]:
    """A name's parts, each as it is stored."""
    return [quoted.replace('""', '"') if quoted else plain.upper() for quoted, plain in _PARTS.findall(name)]


def text(value: str) -> str:
    """A text as SQL."""
    return "'" + value.replace("'", "''") + "'"
