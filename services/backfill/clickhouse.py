"""ClickHouse's HTTP interface, as far as a back-fill needs it: a query's rows as text, and rows of text inserted.

Decimals stay the exchange's own text all the way: ClickHouse parses them, which costs less than our making numbers of
them, and needs no client library.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import httpx

from services.backfill.errors import BackfillError, StorageAwayError, StorageError

_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 3.0

# ClickHouse, src/Common/ErrorCodes.cpp.
_NO_SCHEMA = {16: "no such column", 47: "unknown identifier", 60: "unknown table", 81: "unknown database"}
_LATER = {159: "timeout", 202: "too many queries", 210: "network", 241: "memory limit", 252: "too many parts"}
_AUTHENTICATION_FAILED = 516


@dataclass(slots=True)
class ClickHouse:
    """The database of a CLICKHOUSE_URL. Close it with `close`.

    Its calls raise `StorageAwayError` where a retry may succeed, else `StorageError`. Safe to cancel.
    """

    url: str
    _client: httpx.AsyncClient = field(init=False)
    _database: str = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self._database = parts.path.strip("/")
        self._client = httpx.AsyncClient(
            base_url=f"{parts.scheme}://{parts.hostname}:{parts.port or 8123}",
            auth=(unquote(parts.username or "default"), unquote(parts.password or "")),
            timeout=httpx.Timeout(_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
            trust_env=False,
        )

    async def rows(self, sql: str, parameters: Mapping[str, object]) -> list[str]:
        """The rows of a SELECT, its columns separated by tabs."""
        named = {f"param_{name}": str(value) for name, value in parameters.items()}
        return (await self._post(named, f"{sql} FORMAT TSV".encode())).decode().splitlines()

    async def insert(self, table: str, columns: str, rows: Sequence[bytes]) -> None:
        """Rows of `columns`, which are separated by tabs in both; several to a piece."""

        async def body() -> AsyncIterator[bytes]:
            for piece in rows:
                yield piece

        # A few thousand rows are parsed sooner by one thread than handed to several.
        one_parser = {"input_format_parallel_parsing": "0"}
        await self._post({"query": f"INSERT INTO {table} ({columns}) FORMAT TSV", **one_parser}, body())

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, parameters: Mapping[str, str], body: bytes | AsyncIterator[bytes]) -> bytes:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                answer = await self._client.post("/", params={"database": self._database, **parameters}, content=body)
        except (httpx.HTTPError, TimeoutError) as error:
            raise self._no_answer(type(error).__name__) from error
        if answer.status_code != httpx.codes.OK:
            raise self._refused(answer)
        return answer.content

    def _refused(self, answer: httpx.Response) -> BackfillError:
        code = int(answer.headers.get("X-ClickHouse-Exception-Code", "0"))
        if code in _NO_SCHEMA:
            return StorageError("ClickHouse lacks our tables; run `python -m services.kafka_clickhouse migrate` first")
        if code == _AUTHENTICATION_FAILED:
            return StorageError("ClickHouse does not accept the name and password in CLICKHOUSE_URL")
        if code == 0 or code in _LATER:
            return self._no_answer(_LATER.get(code, str(answer.status_code)))
        return StorageError(f"ClickHouse refuses: {answer.text[:300].strip()}")

    def _no_answer(self, reason: str) -> StorageAwayError:
        host, port = self._client.base_url.host, self._client.base_url.port
        return StorageAwayError(f"no answer from ClickHouse at {host}:{port} ({reason})")
