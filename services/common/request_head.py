"""Bounds and strictness for the head of a request, checked on its bytes before a parser reads them. Pure.

Refused is what RFC 9112 allows to be read in two ways, since a proxy before us may read it in the other one: bare line
feeds, folded headers, two statements about the body's length (sections 2.2, 5.2, 6.3); further what is larger than any
client has reason to send. The syntax of methods, targets and headers stays with the parser, h11.
"""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus

MAX_HEAD_BYTES = 64 * 1024
MAX_REQUEST_LINE_BYTES = 52 * 1024
"""A market request may name 500 symbols, percent-encoded."""
MAX_HEADERS = 100
MAX_HEADER_LINE_BYTES = 8_000
"""With the two bounds above, below what the websocket parser takes: 128 headers, 8,192 bytes a line."""
MAX_UPGRADE_TARGET_BYTES = 4 * 1024

_ALLOWED_BYTES = bytes({*b"\t\r\n", *range(0x20, 0x7F), *range(0x80, 0x100)})
_BODY_HEADERS = (b"\r\ncontent-length", b"\r\ntransfer-encoding")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_OTHER_VERSION = re.compile(rb" HTTP/(?!1\.[01]\Z)[0-9]\.[0-9]\Z")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that ends a connection before any application has seen a request."""

    status: HTTPStatus
    code: str
    sentence: str
    retry_after_s: int | None = None

    def answer(self) -> bytes:
        """The whole response, in the shape of every error of ours."""
        body = json.dumps({"error": self.sentence, "code": self.code}, separators=(",", ":")).encode()
        retry = "" if self.retry_after_s is None else f"retry-after: {self.retry_after_s}\r\n"
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n"
            f"{retry}connection: close\r\n\r\n"
        )
        return head.encode() + body


MALFORMED = Refusal(HTTPStatus.BAD_REQUEST, "malformed_request", "The request is not valid HTTP.")
TARGET_TOO_LONG = Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, "target_too_long", "The address of the request is too long.")
HEADERS_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "headers_too_large",
    f"A request may have at most {MAX_HEADERS} headers of {MAX_HEADER_LINE_BYTES} bytes.",
)
CODING_UNKNOWN = Refusal(HTTPStatus.NOT_IMPLEMENTED, "coding_unknown", "A body may be chunked, not encoded otherwise.")
VERSION_UNKNOWN = Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "version_unknown", "Use HTTP/1.1.")
TIMED_OUT = Refusal(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "The request did not arrive in time.")
TOO_MANY_CONNECTIONS = Refusal(
    HTTPStatus.TOO_MANY_REQUESTS, "too_many_connections", "Too many connections from your address.", retry_after_s=5
)
FULL = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Too many connections at this moment.", retry_after_s=1)


def refusal_of(received: bytes) -> Refusal | None:
    """Why the head that `received` begins with is refused, as far as it has arrived; None while nothing is wrong."""
    end = received.find(b"\r\n\r\n")
    request_line, *fields = (received if end < 0 else received[:end]).split(b"\r\n", MAX_HEADERS + 1)
    if len(request_line) > MAX_REQUEST_LINE_BYTES:
        return TARGET_TOO_LONG
    size_bytes = len(received) if end < 0 else end
    if (
        size_bytes > MAX_HEAD_BYTES
        or len(fields) > MAX_HEADERS
        or max(map(len, fields), default=0) > MAX_HEADER_LINE_BYTES
    ):
        return HEADERS_TOO_LARGE
    arrived = received[:size_bytes]
    if _is_ambiguous(arrived, whole=end >= 0):
        return MALFORMED
    return None if end < 0 else _framing_refusal(request_line, fields, arrived.lower())


def announces_body(received: bytes) -> bool:
    """Whether a head, as far as it has arrived, is that of a request with a body."""
    head = received.partition(b"\r\n\r\n")[0].lower()
    return any(name in head for name in _BODY_HEADERS)


def _is_ambiguous(head: bytes, *, whole: bool) -> bool:
    """Control characters, a line feed or a carriage return alone, a folded header. In passes that the C library makes:
    each request goes through here."""
    line_ends = head.count(b"\r\n")
    returns = head.count(b"\r") - (not whole and head.endswith(b"\r"))  # half of a line's end may have arrived
    return (
        head.count(b"\n") != line_ends
        or returns != line_ends
        or b"\r\n " in head
        or b"\r\n\t" in head
        or bool(head.translate(None, _ALLOWED_BYTES))
    )


def _framing_refusal(request_line: bytes, fields: list[bytes], lowered: bytes) -> Refusal | None:
    if _OTHER_VERSION.search(request_line):
        return VERSION_UNKNOWN
    if not any(name in lowered for name in _BODY_HEADERS):
        return None
    named = [(name.lower(), value.strip(b" \t")) for name, _, value in (field.partition(b":") for field in fields)]
    lengths = [value for name, value in named if name == b"content-length"]
    codings = [value for name, value in named if name == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        return MALFORMED
    if codings and request_line.endswith(b"HTTP/1.0"):
        return MALFORMED
    return None
