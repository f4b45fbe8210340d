"""ClickHouse's HTTP interface as this service uses it: with deadlines and classified errors.

`translated` is the one place that knows which of ClickHouse's errors pass by themselves.
"""

from contextlib import AbstractAsyncContextManager

from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import Error

from services.common import clickhouse
from services.kafka_clickhouse.errors import KafkaClickHouseError, RefusedError, StorageUnavailableError

COMMAND_TIMEOUT_S = 10.0

# Of src/Common/ErrorCodes.cpp: what is wrong with the values of an insert, and with nothing else. Everything that is
# not named here (server busy, full, starting, without memory, without our tables, unknown to us) is waited for, because
# to wait loses nothing.
_REFUSALS = {
    6: "CANNOT_PARSE_TEXT",
    25: "CANNOT_PARSE_ESCAPE_SEQUENCE",
    26: "CANNOT_PARSE_QUOTED_STRING",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    32: "ATTEMPT_TO_READ_AFTER_EOF",
    33: "CANNOT_READ_ALL_DATA",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    43: "ILLEGAL_TYPE_OF_ARGUMENT",
    53: "TYPE_MISMATCH",
    69: "ARGUMENT_OUT_OF_BOUND",
    70: "CANNOT_CONVERT_TYPE",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    131: "TOO_LARGE_STRING_SIZE",
    321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    407: "DECIMAL_OVERFLOW",
    469: "VIOLATED_CONSTRAINT",
}


def translated(error: Exception) -> KafkaClickHouseError:
    """What a failed call means for us: `RefusedError` for what no retry can store, else `StorageUnavailableError`."""
    code = error.code if isinstance(error, Error) else None
    if code in _REFUSALS:
        return RefusedError(f"ClickHouse refuses ({_REFUSALS[code]}): {str(error)[:300]}")
    reason = f"code {code}, {error.name}" if isinstance(error, Error) and code else f"{type(error).__name__}: {error}"
    return StorageUnavailableError(f"ClickHouse does not take it now ({reason[:300]})")


def answered(timeout_s: float = COMMAND_TIMEOUT_S) -> AbstractAsyncContextManager[None]:
    """A deadline for calls of a client, and their errors translated: raises what `translated` returns."""
    return clickhouse.answered(timeout_s, translated)


async def connect(url: str, *, timeout_s: float = COMMAND_TIMEOUT_S) -> AsyncClient:
    """A client for `url`; its database need not exist. Close it with `close()`. Raises `StorageUnavailableError`."""
    async with answered(timeout_s):
        return await clickhouse.connect(url, timeout_s=timeout_s)
