"""A request's content: ClickHouse's reserved URL parameters and headers, separated from settings. Pure."""

import base64
import binascii
import hmac
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from deploy.local.clickhouse.access import Role
from deploy.local.clickhouse.allowed import READER_LIMITS
from deploy.local.clickhouse.errors import Code, error
from deploy.local.clickhouse.permissions import require_database, require_setting

_SECONDS = re.compile(r"[0-9]{1,6}")
_NUMBER = re.compile(r"[0-9]{1,20}")
SESSION_TIMEOUT_S = 60
MAX_SESSION_TIMEOUT_S = 3600

_RESERVED = {
    "query", "user", "password", "quota_key", "database", "default_format", "query_id", "session_id", "session_timeout",
    "session_check", "close_session", "stacktrace", "compress", "decompress", "buffer_size", "wait_end_of_query",
    "client_protocol_version", "add_http_cors_header", "enable_http_compression",
}  # fmt: skip
# Settings that would undo what this server promises, and what stands for them here: `readonly` is decided by what a
# statement is, `log_comment` finds a query to end it, an insert is answered when it is stored.
_OURS = {
    "readonly", "log_comment", "async_insert", "wait_for_async_insert", "send_progress_in_http_headers",
    "http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its body."""

    method: str
    arguments: Mapping[str, str]
    headers: Mapping[str, str]
    query_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    tag: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Finds its query in the engine; clients may give the same `query_id` twice."""
    role: Role = Role.READER
    """That of the user whose password the request brings."""

    @property
    def query(self) -> bytes:
        """The statement, or its beginning: the body follows."""
        return self.arguments.get("query", "").encode(errors="surrogateescape")

    @property
    def database(self) -> str:
        return self.arguments.get("database") or self.headers.get("x-clickhouse-database", "")

    @property
    def default_format(self) -> str:
        return self.arguments.get("default_format") or self.headers.get("x-clickhouse-format", "")

    @property
    def settings(self) -> dict[str, str]:
        """The engine's settings for this request alone. Raises DatabaseError for those that no client may change."""
        left_out = _RESERVED | _OURS
        wanted = {k: v for k, v in self.arguments.items() if k not in left_out and not k.startswith("param_")}
        for name in wanted:
            require_setting(name)
        if self.role is Role.READER:
            wanted |= {name: _at_most(wanted.get(name, ""), limit) for name, limit in READER_LIMITS.items()}
        return wanted

    @property
    def params(self) -> dict[str, str]:
        return {k.removeprefix("param_"): v for k, v in self.arguments.items() if k.startswith("param_")}

    @property
    def readonly(self) -> int:
        """1: reads only; 2: and settings. GET is 2, as in ClickHouse."""
        asked = self.arguments.get("readonly", "0")
        return int(asked) if asked in ("1", "2") else 2 * (self.method in ("GET", "HEAD"))

    @property
    def waits_for_end(self) -> bool:
        return self.arguments.get("wait_end_of_query") == "1"

    @property
    def accepted_encodings(self) -> str:
        """Of the answer; it is compressed only if the setting enables it, too."""
        wanted = self.arguments.get("enable_http_compression") == "1"
        return self.headers.get("accept-encoding", "") if wanted else ""

    @property
    def session_id(self) -> str:
        return self.arguments.get("session_id", "")

    @property
    def session_timeout_s(self) -> int:
        """Raises DatabaseError."""
        asked = self.arguments.get("session_timeout", str(SESSION_TIMEOUT_S))
        if not _SECONDS.fullmatch(asked) or int(asked) > MAX_SESSION_TIMEOUT_S:
            raise error(Code.INVALID_SESSION_TIMEOUT, f"Invalid session timeout: '{asked[:20]}'")
        return int(asked)


def read_request(method: str, query_string: bytes, headers: list[tuple[bytes, bytes]]) -> Request:
    """Take apart what stands before the body. Raises DatabaseError for what is not to be had here."""
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="surrogateescape")
    names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    arguments = dict(pairs)
    request = Request(method, arguments, names, arguments.get("query_id") or str(uuid.uuid4()))
    for name in ("compress", "decompress"):
        if arguments.get(name, "0") not in ("0", ""):
            raise error(Code.NOT_IMPLEMENTED, f"{name}=1 is not supported: use Accept-Encoding and Content-Encoding")
    return request


def authenticate(request: Request, users: Mapping[str, tuple[str, Role]]) -> Request:
    """The request with the role of its user, one of `users`, which are name → (password, role).

    Raises DatabaseError for a wrong password, and, after the same work, for an unknown user.
    """
    user, given = _credentials(request)
    found = None
    for name, (password, role) in users.items():
        right = hmac.compare_digest(user.encode(errors="surrogateescape"), name.encode())
        if hmac.compare_digest(given.encode(errors="surrogateescape"), password.encode()) and right:
            found = role
    if found is None:
        reason = f"{user}: Authentication failed: password is incorrect, or there is no user with such name"
        raise error(Code.AUTHENTICATION_FAILED, reason)
    require_database(request.database)
    return replace(request, role=found)


def _credentials(request: Request) -> tuple[str, str]:
    """(user, password), from the first of the three places where a client may put them."""
    headers = request.headers
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return user, password
    if "user" in request.arguments or "password" in request.arguments:
        return request.arguments.get("user", "default"), request.arguments.get("password", "")
    raise error(Code.REQUIRED_PASSWORD, "default: Authentication failed: a user and a password are required")


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


def with_form(request: Request, body: bytes) -> Request:
    """The request with the fields of a multipart body as if they stood in its URL. Raises DatabaseError for files."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode("latin-1", "replace")
    fields: dict[str, str] = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None or not name:
            raise error(Code.NOT_IMPLEMENTED, "External data are not supported")
        value = part.get_payload(decode=True)
        fields[str(name)] = value.decode(errors="surrogateescape") if isinstance(value, bytes) else ""
    changed = replace(request, arguments={**request.arguments, **fields})
    require_database(changed.database)
    return changed


def _at_most(asked: str, limit: int) -> str:
    """The limit, or what was asked for, if that is a number below it; 0 asks for none."""
    return asked if _NUMBER.fullmatch(asked) and 0 < int(asked) < limit else str(limit)
