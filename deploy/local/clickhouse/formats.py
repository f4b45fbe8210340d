"""What an answer's format means for HTTP: its Content-Type, and whether it may leave in parts."""

from collections.abc import Mapping

DEFAULT = "TabSeparated"

_ALIASES = {
    "TSV": "TabSeparated",
    "TSVWithNames": "TabSeparatedWithNames",
    "TSVWithNamesAndTypes": "TabSeparatedWithNamesAndTypes",
}
_STREAMED = {
    "Native",
    "TabSeparated",
    "TSVRaw",
    "TabSeparatedRaw",
    "CSV",
    "RowBinary",
    "JSONEachRow",
    "JSONCompactEachRow",
}
_ARRAY = "output_format_json_array_of_rows"
_TEXT = "text/plain; charset=UTF-8"
_JSON = "application/json; charset=UTF-8"


def may_stream(name: str) -> bool:
    """Whether the engine's pieces, each of which it writes as if it were all, make up the whole when joined.

    With the other formats, whose header or footer stands once, the answer is made whole before it leaves.
    """
    return _ALIASES.get(name, name) in _STREAMED


def is_one_array(settings: Mapping[str, str], sql: bytes) -> bool:
    """Whether the rows may stand in one JSON array: pieces of that would be an array each."""
    return settings.get(_ARRAY, "0") not in ("0", "false") or _ARRAY.encode() in sql


def content_type(name: str) -> str:
    """As ClickHouse's output formats have it (`getContentType`)."""
    name = _ALIASES.get(name, name)
    if name.startswith(("JSON", "PrettyJSON")):
        return "application/x-ndjson; charset=UTF-8" if name.endswith(("EachRow", "WithProgress")) else _JSON
    if name.startswith("TabSeparated"):
        return "text/tab-separated-values; charset=UTF-8"
    if name.startswith("CSV"):
        present = "present" if "WithNames" in name else "absent"
        return f"text/csv; charset=UTF-8; header={present}"
    if name == "XML":
        return "application/xml; charset=UTF-8"
    binary = name.startswith("RowBinary") or name in {
        "Native",
        "Parquet",
        "Arrow",
        "ArrowStream",
        "ORC",
        "Avro",
        "MsgPack",
    }
    return "application/octet-stream" if binary else _TEXT


def empty_native(columns: list[tuple[str, str]]) -> bytes:
    """A Native block with names and types and no rows: a server's answer to a query that finds nothing.

    The engine answers with no byte at all, from which a client would not learn the columns. Without a protocol version,
    a server writes a low-cardinality column as a plain one.
    """
    block = _number(len(columns)) + _number(0)
    for name, kind in columns:
        block += _text(name) + _text(_plain(kind))
    return block


def _plain(kind: str) -> str:
    before, found, rest = kind.partition("LowCardinality(")
    if not found:
        return kind
    depth = 1
    for end, letter in enumerate(rest):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return before + rest[:end] + _plain(rest[end + 1 :])
    return kind


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _number(len(encoded)) + encoded


def _number(value: int) -> bytes:
    """LEB128, as all of Native's lengths."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
