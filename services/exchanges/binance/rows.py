"""The rows of a JSON array, also where one of them is no JSON: NaN, half a surrogate pair, a number without end.

A parser that is strict about JSON refuses the whole text for it. So the rows of what it refuses are found by their
brackets and quotes alone, and each is parsed by itself.
"""

import re
from collections.abc import Sequence

import msgspec

_MARK = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},"]', re.DOTALL)
_BLANK = b" \t\r\n"

strict_rows = msgspec.json.Decoder(list[msgspec.Raw]).decode


def decode_rows(array: bytes | msgspec.Raw) -> Sequence[bytes | msgspec.Raw]:
    """The rows of an array. Raises msgspec.DecodeError for what is none, or is cut off."""
    try:
        return strict_rows(array)
    except msgspec.ValidationError:  # JSON, and no array
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = bytes(array).strip(_BLANK)
        rows, end = rows_at(text, 0)
        if text[end:]:
            raise msgspec.DecodeError("JSON is malformed: something follows the array") from None
        return rows


def rows_at(text: bytes, start: int) -> tuple[list[bytes], int]:
    """The rows of the array that begins at `start`, and where it ends. Raises msgspec.DecodeError if it does not."""
    if text[start : start + 1] != b"[":
        raise msgspec.DecodeError("JSON is malformed: no array")
    rows: list[bytes] = []
    depth, begin = 0, start + 1
    for mark in _MARK.finditer(text, start):
        sign = mark.group()
        if sign == b'"':
            break
        if sign in (b"[", b"{"):
            depth += 1
        elif sign in (b"]", b"}"):
            depth -= 1
        if (depth == 1 and sign == b",") or depth == 0:
            rows.append(text[begin : mark.start()].strip(_BLANK))
            begin = mark.end()
        if depth == 0:
            return ([] if rows == [b""] else rows), begin
    raise msgspec.DecodeError("JSON is malformed: an array without end")
