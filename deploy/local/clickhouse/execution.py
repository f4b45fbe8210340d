"""One statement on one connection: rows in, or rows out."""

import json
import os
from functools import partial
from typing import Any, BinaryIO

from deploy.local.clickhouse import metrics
from deploy.local.clickhouse.answer import Answer
from deploy.local.clickhouse.engine import Connection, Engine
from deploy.local.clickhouse.errors import Code, DatabaseError, error
from deploy.local.clickhouse.formats import DEFAULT, content_type, empty_native, is_one_array, may_stream
from deploy.local.clickhouse.permissions import Permissions, as_select, is_about_names
from deploy.local.clickhouse.request import Request
from deploy.local.clickhouse.statement import Statement
from deploy.local.clickhouse.threads import Threads

_SLICE_BYTES = 1 << 20
_CHECKED_BYTES = 256 << 10
_LITERALS_ALONE = (
    b"input_format_values_interpret_expressions = 0, input_format_values_deduce_templates_of_expressions = 0"
)
"""For rows of VALUES whose expressions have not been checked."""


class Execution:
    """Runs a statement for a request, on a connection that is released or closed afterwards.

    Cancelling it ends a query in the engine, and waits for the end of an insert.
    """

    def __init__(self, engine: Engine, threads: Threads, connection: Connection, request: Request) -> None:
        self._connection = connection
        self._threads = threads
        self._request = request
        self._kill = partial(engine.kill, request.tag)
        self._permissions = Permissions(request.role, engine.refused_functions)

    async def insert(self, statement: Statement, spool: BinaryIO, answer: Answer) -> None:
        """Insert what `spool` holds, an open file. Nothing of it stays unless all does, up to the size of one block."""
        await self._require_allowed(statement)
        literals = statement.format == "Values" and not await self._are_allowed(
            os.pread(spool.fileno(), _CHECKED_BYTES, 0)
        )
        sql = statement.insert_from(f"/dev/fd/{spool.fileno()}", _LITERALS_ALONE if literals else b"")
        self._summarise(answer, await self._threads.call(self._connection.query, sql, "Null"))

    async def _are_allowed(self, values: bytes) -> bool:
        """Whether these rows of VALUES are expressions that the user may send. False for what may be more than all.

        Raises DatabaseError for one that they may not.
        """
        if len(values) == _CHECKED_BYTES:
            return False
        try:
            tree = await self._threads.call(self._connection.tree, b"SELECT " + values)
        except DatabaseError:  # not with the same grammar
            return False
        self._permissions.require(tree, self._request.params)
        return True

    async def run(self, statement: Statement, answer: Answer) -> None:
        """Run a statement that has no data, and write its result."""
        kind, count = await self._threads.call(self._connection.classify, statement.text)
        if count > 1:
            raise error(Code.SYNTAX_ERROR, "Multi-statements are not allowed")
        if count:
            self._check_readonly(kind, statement.first_word)
        await self._require_allowed(statement)
        name = (statement.format if not statement.values else "") or self._request.default_format or DEFAULT
        answer.headers["Content-Type"] = content_type(name)
        if kind != "READ_ONLY":  # these are not ended when the client leaves: half a migration is of no use
            result = await self._threads.call(self._connection.query, statement.text, name, self._request.params)
            await self._write_whole(result, answer)
            return
        answer.headers["X-ClickHouse-Format"] = name
        if self._streams(statement, name):
            await self._stream(statement, name, answer)
        else:
            result = await self._killable(self._connection.query, statement.text, name, self._request.params)
            await self._write_whole(result, answer)
            if name == "Native" and not result.size():
                await answer.write(await self._killable(self._columns, statement))

    def _streams(self, statement: Statement, name: str) -> bool:
        if statement.first_word not in ("SELECT", "WITH"):  # the engine streams nothing else
            return False
        return may_stream(name) and not is_one_array(self._request.arguments, statement.text)

    async def _require_allowed(self, statement: Statement) -> None:
        """Raises DatabaseError for a statement that the user may not send, or that cannot be parsed."""
        sql = statement.body.decode(errors="replace")
        tail = statement.text[len(statement.body) :]  # FORMAT and SETTINGS: these hold for every statement
        heads = [statement.head]
        if statement.first_word in ("EXISTS", "SHOW") and is_about_names(sql):
            heads = [b"SELECT 1\n" + tail]
        elif statement.first_word in ("DESC", "DESCRIBE"):
            heads = [as_select(sql).encode(), b"SELECT 1\n" + tail]
        elif statement.values:
            heads.append(b"SELECT " + statement.values)
        for head in heads:
            tree = await self._threads.call(self._connection.tree, head)
            self._permissions.require(tree, self._request.params)

    def _check_readonly(self, kind: str, first_word: str) -> None:
        readonly = self._request.readonly
        if readonly and kind != "READ_ONLY" and not (readonly == 2 and first_word in ("SET", "USE")):
            raise readonly_error(self._request)

    async def _stream(self, statement: Statement, name: str, answer: Answer) -> None:
        connection = self._connection
        part = await self._killable(connection.open_result, statement.text, name, self._request.params)
        if name == "Native" and not part.size():
            await answer.write(await self._killable(self._columns, statement))
        while part.size():
            self._summarise(answer, part)
            await answer.write(part.bytes())
            part = await self._killable(connection.fetch)

    def _columns(self, statement: Statement) -> bytes:
        """The block of a result without rows. DESCRIBE runs nothing; what it cannot describe (SHOW …) is run again."""
        sql = statement.body.rstrip(b"; \t\r\n")
        try:
            described = self._connection.query(b"DESCRIBE (" + sql + b"\n)", "JSONEachRow", self._request.params)
            rows = [json.loads(line) for line in described.bytes().splitlines()]
        except DatabaseError:
            again = self._connection.query(sql, "JSON", self._request.params)
            rows = json.loads(again.bytes())["meta"]
        return empty_native([(row["name"], row["type"]) for row in rows])

    async def _write_whole(self, result: Any, answer: Answer) -> None:
        self._summarise(answer, result)
        body = memoryview(result.bytes())
        for start in range(0, len(body), _SLICE_BYTES):
            await answer.write(bytes(body[start : start + _SLICE_BYTES]))

    async def _killable(self, function: Any, *args: Any) -> Any:
        return await self._threads.call_killable(self._kill, function, *args)

    @staticmethod
    def _summarise(answer: Answer, result: Any) -> None:
        """Add what the engine counted to the summary of the whole."""
        metrics.ROWS_WRITTEN.inc(result.rows_written())
        counted = {
            "read_rows": result.rows_read(),
            "read_bytes": result.bytes_read(),
            "written_rows": result.rows_written(),
            "written_bytes": result.bytes_written(),
            "elapsed_ns": int(result.elapsed() * 1e9),
        }
        answer.summary = {name: str(int(answer.summary.get(name, 0)) + value) for name, value in counted.items()}


def readonly_error(request: Request) -> DatabaseError:
    """With the explanation that ClickHouse adds where the method is the reason."""
    message = "default: Cannot execute query in readonly mode"
    if request.method != "POST":
        message += (
            ". For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries"
        )
    return error(Code.READONLY, message)
