"""ClickHouse's exceptions: codes, names, and the HTTP status that a server answers them with."""

import re
from enum import IntEnum
from http import HTTPStatus

_CODE = re.compile(
    r"^(?:Code: \d+\. DB::Exception: (?=Code: ))?"
    r"Code: (\d+)\. (?:DB::)?(?:Exception|NetException|ErrnoException): (.*?)(?: \(([A-Z0-9_]+)\))?"
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
    READONLY = 164
    REQUIRED_PASSWORD = 194
    TOO_DEEP_AST = 167
    TOO_MANY_SIMULTANEOUS_QUERIES = 202
    SOCKET_TIMEOUT = 209
    TOO_MANY_BYTES = 307
    INTO_OUTFILE_NOT_ALLOWED = 358
    SESSION_NOT_FOUND = 372
    SESSION_IS_LOCKED = 373
    INVALID_SESSION_TIMEOUT = 374
    UNKNOWN_QUERY_PARAMETER = 456
    ACCESS_DENIED = 497
    AUTHENTICATION_FAILED = 516
    STD_EXCEPTION = 1001


_STATUS = {
    HTTPStatus.UNAUTHORIZED: "REQUIRED_PASSWORD",
    HTTPStatus.FORBIDDEN: "UNKNOWN_USER WRONG_PASSWORD AUTHENTICATION_FAILED SET_NON_GRANTED_ROLE ACCESS_DENIED",
    HTTPStatus.BAD_REQUEST: (
        "BAD_ARGUMENTS CANNOT_COMPILE_REGEXP CANNOT_PARSE_TEXT CANNOT_PARSE_ESCAPE_SEQUENCE "
        "CANNOT_PARSE_QUOTED_STRING CANNOT_PARSE_DATE CANNOT_PARSE_DATETIME CANNOT_PARSE_NUMBER "
        "CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING CANNOT_PARSE_IPV4 CANNOT_PARSE_IPV6 CANNOT_PARSE_UUID "
        "CANNOT_PARSE_INPUT_ASSERTION_FAILED DUPLICATE_COLUMN ILLEGAL_COLUMN THERE_IS_NO_COLUMN UNKNOWN_ELEMENT_IN_AST "
        "UNKNOWN_TYPE_OF_AST_NODE TOO_DEEP_AST TOO_BIG_AST UNEXPECTED_AST_STRUCTURE SYNTAX_ERROR INCORRECT_DATA "
        "TYPE_MISMATCH VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE"
    ),
    HTTPStatus.NOT_FOUND: (
        "UNKNOWN_TABLE UNKNOWN_FUNCTION UNKNOWN_IDENTIFIER UNKNOWN_TYPE UNKNOWN_STORAGE UNKNOWN_DATABASE "
        "UNKNOWN_SETTING UNKNOWN_DIRECTION_OF_SORTING UNKNOWN_AGGREGATE_FUNCTION UNKNOWN_FORMAT "
        "UNKNOWN_DATABASE_ENGINE UNKNOWN_TYPE_OF_QUERY UNKNOWN_ROLE"
    ),
    HTTPStatus.NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    HTTPStatus.REQUEST_TIMEOUT: "TIMEOUT_EXCEEDED",
    HTTPStatus.SERVICE_UNAVAILABLE: "SOCKET_TIMEOUT CANNOT_OPEN_FILE CANNOT_SCHEDULE_TASK",
}
"""As in ClickHouse's exceptionCodeToHTTPStatus.cpp; any other name is a 500 there, and so here."""
_STATUS_OF = {name: status for status, names in _STATUS.items() for name in names.split()}


class DatabaseError(Exception):
    """An exception as ClickHouse knows them."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.message = message

    @property
    def status(self) -> int:
        return _STATUS_OF.get(self.name, HTTPStatus.INTERNAL_SERVER_ERROR)

    def text(self, version: str) -> str:
        """As a server writes it into the answer."""
        return f"Code: {self.code}. DB::Exception: {self.message} ({self.name}) (version {version})\n"


def error(code: Code, message: str) -> DatabaseError:
    """One that this server raises. `message` is a sentence without its full stop, which ClickHouse always writes."""
    return DatabaseError(code, code.name, f"{message}.")


def from_engine(raised: RuntimeError) -> DatabaseError:
    """The engine's message, taken apart. A text without a code is a standard exception, as in ClickHouse."""
    text = str(raised)
    found = _CODE.match(text.strip())
    if not found:
        return error(Code.STD_EXCEPTION, text)
    return DatabaseError(int(found[1]), found[3] or "UNKNOWN_EXCEPTION", found[2])
