"""ClickHouse's HTTP interface, as an ASGI application."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import replace
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import structlog

from deploy.local.clickhouse import metrics
from deploy.local.clickhouse.answer import Answer, cors
from deploy.local.clickhouse.body import ClientGoneError, Receive, read_body, until_gone
from deploy.local.clickhouse.connections import Connections
from deploy.local.clickhouse.engine import Engine
from deploy.local.clickhouse.errors import Code, DatabaseError, error
from deploy.local.clickhouse.execution import Execution, readonly_error
from deploy.local.clickhouse.formats import DEFAULT, is_one_array, may_stream
from deploy.local.clickhouse.gate import Gate
from deploy.local.clickhouse.request import Request, authenticate, is_form, read_request, with_form
from deploy.local.clickhouse.settings import ClickHouseSettings
from deploy.local.clickhouse.statement import Statement, find_statement, read_statement
from deploy.local.clickhouse.threads import Threads

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Send = Any

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Allow-Headers": "origin, x-requested-with, content-type, authorization, x-clickhouse-user, "
    "x-clickhouse-key, x-clickhouse-format, x-clickhouse-database",
    "Access-Control-Max-Age": "86400",
}

_AS_A_SERVER = {"implicit_select": "0", "allow_introspection_functions": "0"}
"""Where the embedded engine's defaults are not a server's: `SELEC 1` is a syntax error, not a column of that name."""


class Handler:
    """`GET /ping`, `OPTIONS`, and queries."""

    def __init__(self, settings: ClickHouseSettings, engine: Engine, threads: Threads) -> None:
        self._settings = settings
        self._users = settings.users
        self._engine = engine
        self._threads = threads
        self._gate = Gate(settings.max_running, settings.max_waiting)
        self.connections = Connections(engine, threads.call, settings.max_sessions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        bare = Request(scope["method"], {}, {name.decode("latin-1"): "" for name, _ in scope["headers"]})
        answer = Answer(send, bare, self._engine.version, self._engine.timezone)
        outcome = "ok"
        try:
            request = read_request(scope["method"], scope["query_string"], scope["headers"])
            answer = Answer(send, request, self._engine.version, self._engine.timezone)
            await self._route(scope["path"], request, receive, answer)
            await answer.finish()
        except DatabaseError as failure:
            outcome = failure.name
            if answer.started:
                log.warning("clickhouse.answer_cut", exception=failure.name, query_id=answer.query_id)
            await answer.fail(failure)
        except ClientGoneError:
            outcome = "gone"
        finally:
            answer.close()
        metrics.REQUESTS.labels(outcome).inc()

    async def _route(self, path: str, request: Request, receive: Receive, answer: Answer) -> None:
        if request.method == "OPTIONS":
            answer.headers |= {**_PREFLIGHT, **cors(request)}
        elif path == "/ping" or (request.method in ("GET", "HEAD") and not request.query):
            answer.headers["Content-Type"] = "text/html; charset=UTF-8"
            await answer.write(b"Ok.\n")
        else:
            request = authenticate(request, self._users)
            async with self._gate.pass_through():
                await self._query(request, receive, answer)

    async def _query(self, request: Request, receive: Receive, answer: Answer) -> None:
        encoding = request.headers.get("content-encoding", "").lower()
        body = read_body(receive, encoding, self._settings.body_timeout_s)
        if is_form(request):
            request = with_form(request, await self._all(body, b""))
            body = read_body(_nothing, "", 1)
        statement, begun = await self._statement(request, body)
        if statement.format == "Values" and request.params:  # the engine fills parameters in, but not in streamed data
            statement = replace(statement, text=await self._all(body, statement.text), data_at=None)
        if statement.data_at is not None:
            await self._insert(request, statement, _prefixed(begun, body), answer)
            return
        work = asyncio.create_task(self._read(request, statement, answer), name="query")
        gone = asyncio.create_task(until_gone(receive), name="client")
        try:
            await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ClientGoneError
            await work
        finally:
            gone.cancel()
            work.cancel()
            await asyncio.wait([work, gone])

    async def _insert(self, request: Request, statement: Statement, data: AsyncIterator[bytes], answer: Answer) -> None:
        if request.readonly:
            raise readonly_error(request)
        with TemporaryFile(dir=self._settings.data_dir) as spool:  # has no name, so that it need not be deleted
            await self._spool(data, spool)
            async with self.connections.hold(request, self._limits(request)) as connection:
                await Execution(self._engine, self._threads, connection, request).insert(statement, spool, answer)

    async def _spool(self, data: AsyncIterator[bytes], spool: BinaryIO) -> None:
        """Keep the data until all are there. The engine's streaming insert swallows what goes wrong after parsing."""
        size, limit = 0, self._settings.max_data_bytes
        async for part in data:
            size += len(part)
            if size > limit:
                raise error(Code.TOO_MANY_BYTES, f"Limit for the data of one insert exceeded: {limit} bytes")
            await self._threads.call(spool.write, part)
        await self._threads.call(spool.flush)

    async def _read(self, request: Request, statement: Statement, answer: Answer) -> None:
        limits = self._limits(request)
        limits.setdefault("max_execution_time", str(self._settings.max_execution_time_s))
        form = statement.format or request.default_format or DEFAULT
        if not may_stream(form) or is_one_array(request.arguments, statement.text):
            limits.setdefault("max_result_bytes", str(self._settings.max_result_bytes))
        elif request.waits_for_end:
            limits.setdefault("max_result_bytes", str(self._settings.max_kept_bytes))
        async with self.connections.hold(request, limits) as connection:
            await Execution(self._engine, self._threads, connection, request).run(statement, answer)

    @staticmethod
    def _limits(request: Request) -> dict[str, str]:
        return {**_AS_A_SERVER, **request.settings, "log_comment": request.tag}

    async def _statement(self, request: Request, body: AsyncIterator[bytes]) -> tuple[Statement, bytes]:
        """The statement, and what of its data has been read with it."""
        text = request.query + b"\n" if request.query else b""
        async for part in body:
            text += part
            statement = find_statement(text[: self._settings.max_query_bytes])
            if statement:
                break
            if len(text) > self._settings.max_query_bytes:
                raise error(Code.SYNTAX_ERROR, f"Max query size exceeded: {self._settings.max_query_bytes} bytes")
        else:
            statement = read_statement(text)
        if not statement.first_word and not statement.text.strip():
            raise error(Code.SYNTAX_ERROR, "Empty query")
        if statement.names_file:
            raise error(Code.INTO_OUTFILE_NOT_ALLOWED, "INTO OUTFILE and FROM INFILE are not allowed")
        if statement.data_at is not None and statement.selects:
            raise error(Code.NOT_IMPLEMENTED, "INSERT … SELECT … FROM input() is not supported")
        return statement, text[statement.data_at :] if statement.data_at is not None else b""

    async def _all(self, body: AsyncIterator[bytes], text: bytes) -> bytes:
        async for part in body:
            text += part
            if len(text) > 2 * self._settings.max_query_bytes:
                raise error(Code.SYNTAX_ERROR, f"Max query size exceeded: {self._settings.max_query_bytes} bytes")
        return text


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b""}


async def _prefixed(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for part in rest:
        yield part
