"""ClickHouse's exceptions: codes, names, and the HTTP status that a server answers them with."""

import re
from enum import IntEnum

_CODE = re.compile(
    r"^Code: (\d+)\. (?:DB::)?(?:Exception|NetException|ErrnoException): (.*?)(?: \(([A-Z0-9_]+)\))?"
    r"(?: \(version [^)]*(?:\([^)]*\))?\))?$",
    re.DOTALL,
)


class Code(IntEnum):
    """The codes that this server raises by itself; names and numbers are those of ClickHouse's ErrorCodes.cpp."""

    CANNOT_READ_ALL_DATA = 33
    INCORRECT_DATA = 117
    NOT_IMPLEMENTED = 48
    SYNTAX_ERROR = 62
    UNKNOWN_TYPE_OF_QUERY = 78
    UNKNOWN_SETTING = 115
    TIMEOUT_EXCEEDED = 159
    READONLY = 164
    REQUIRED_PASSWORD = 194
    TOO_MANY_SIMULTANEOUS_QUERIES = 202
    SOCKET_TIMEOUT = 209
    TOO_MANY_BYTES = 307
    INTO_OUTFILE_NOT_ALLOWED = 358
    SESSION_NOT_FOUND = 372
    SESSION_IS_LOCKED = 373
    INVALID_SESSION_TIMEOUT = 374
    QUERY_WAS_CANCELLED = 394
    AUTHENTICATION_FAILED = 516
    STD_EXCEPTION = 1001


# exceptionCodeToHTTPStatus.cpp of ClickHouse; whatever is not there is a 500.
_STATUS = {
    **dict.fromkeys((194,), 401),
    **dict.fromkeys((192, 193, 516, 512), 403),
    **dict.fromkeys(
        (36, 427, 6, 38, 41, 45, 53, 72, 26, 27, 33, 130, 131, 117, 62, 69, 167, 168, 321, 386, 457, 691, 349), 400
    ),
    **dict.fromkeys((60, 46, 47, 50, 56, 81, 115, 63, 73, 336, 78, 511), 404),
    **dict.fromkeys((48,), 501),
    **dict.fromkeys((159,), 408),
    **dict.fromkeys((209, 439, 76), 503),
}


class DatabaseError(Exception):
    """An exception as ClickHouse knows them."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.message = message

    @property
    def status(self) -> int:
        return _STATUS.get(self.code, 500)

    def text(self, version: str) -> str:
        """As a server writes it into the answer."""
        return f"Code: {self.code}. DB::Exception: {self.message} ({self.name}) (version {version})\n"


def error(code: Code, message: str) -> DatabaseError:
    return DatabaseError(code, code.name, message)


def from_engine(raised: RuntimeError) -> DatabaseError:
    """What the engine said, taken apart. A text without a code is a standard exception, as in ClickHouse."""
    text = str(raised)
    found = _CODE.match(text.strip())
    if not found:
        return error(Code.STD_EXCEPTION, text)
    return DatabaseError(int(found[1]), found[3] or "UNKNOWN_EXCEPTION", found[2])
