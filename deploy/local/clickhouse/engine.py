"""The embedded engine: one for the process, any number of connections to it, each used by one thread at a time."""

import json
import re
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from deploy.local.clickhouse.access import Role, access_files
from deploy.local.clickhouse.errors import Code, DatabaseError, error, from_engine
from deploy.local.clickhouse.permissions import denied, refused_table_functions
from deploy.local.clickhouse.server import DIRECTORY

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")


def quoted(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quoted_name(text: str) -> str:
    """An identifier."""
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"


def set_statement(settings: dict[str, str]) -> str:
    """`SET` for all of them. Raises DatabaseError for a name that cannot be a setting's, and so might be more SQL."""
    for name in settings:
        if not _NAME.match(name):
            raise error(Code.UNKNOWN_SETTING, f"Setting {name} is neither a builtin setting nor started with a prefix")
    return "SET " + ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items())


class Connection:
    """A connection of its own: settings, current database and temporary tables live and die with it.

    Opening one takes the engine a fifth of a millisecond. All methods block and raise DatabaseError.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._result: Any = None

    def query(self, sql: bytes | str, fmt: str, params: dict[str, str] | None = None) -> Any:
        """Run a statement to its end. The result has `bytes()`, `rows_read()` and the like."""
        return self._call(self._raw.query, sql, fmt, params=params or {})

    def rows(self, sql: str, params: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """The result of a small query."""
        lines = self.query(sql, "JSONCompactEachRowWithNames", params).bytes().splitlines()
        names, *rows = [json.loads(line) for line in lines]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def classify(self, sql: bytes) -> tuple[str, int]:
        """(READ_ONLY, MUTATING, MUTATING_GLOBAL, CONTROL or UNKNOWN; number of statements). Runs nothing."""
        found = self._call(self._raw.classify_query, sql)
        return found["query_class"].name, found["statement_count"]

    def tree(self, sql: bytes) -> dict[str, Any]:
        """What the engine's parser makes of one statement without data. Runs nothing.

        The answer's format has no settings: those of the user's request hold on this connection already.
        """
        literal = sql.replace(b"\\", b"\\\\").replace(b"'", b"\\'")
        try:
            answer = self.query(b"SELECT parseQueryToJSON('" + literal + b"')", "RawBLOB").bytes()
        except DatabaseError as failure:
            raise self._about_statement(failure) from failure
        try:
            tree: dict[str, Any] = json.loads(answer.decode(errors="replace"))
        except RecursionError as deep:
            raise error(Code.TOO_DEEP_AST, "The statement is nested too deeply") from deep
        except ValueError as cut:
            raise denied("a statement under these settings") from cut
        return tree

    @staticmethod
    def _about_statement(failure: DatabaseError) -> DatabaseError:
        """The failure to make a tree, without our query around it. What has no tree is nothing that a user may send."""
        if failure.name == "BAD_ARGUMENTS":
            return denied("a statement of this type")
        return DatabaseError(failure.code, failure.name, failure.message.partition(": In scope SELECT parseQuery")[0])

    def open_result(self, sql: bytes, fmt: str, params: dict[str, str]) -> Any:
        """Start a query whose result is fetched in parts, and return the first."""
        self._result = self._call(self._raw.send_query, sql, fmt, params=params)
        return self.fetch()

    def fetch(self) -> Any:
        """The next part of the open result; without bytes at its end."""
        part = self._call(self._raw.streaming_fetch_result, self._result)
        if not part.size():
            self._result = None
        return part

    def release(self) -> None:
        """End a result that is unfinished, wherever it stands."""
        result, self._result = self._result, None
        if result is not None:
            with suppress(DatabaseError):  # it has ended by itself, and that was reported
                self._call(self._raw.streaming_cancel_query, result)

    def close(self) -> None:
        """End what is unfinished, and the connection."""
        self.release()
        self._raw.close()

    def _call(self, function: Any, *args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except RuntimeError as raised:
            raise from_engine(raised) from raised


class Engine:
    """The engine on its data directory, which it locks against other processes. Close it after its connections."""

    def __init__(self, data_dir: Path, options: dict[str, str], databases: Sequence[str]) -> None:
        """`options` are server settings; `databases` are those that may be used (`access_files`).

        Raises DatabaseError when the data cannot be opened.
        """
        if str(DIRECTORY) not in sys.path:
            sys.path.append(str(DIRECTORY))
        from chdb import _chdb  # half a gigabyte: not loaded only to show the command

        self._module = _chdb
        self._access = access_files(databases)
        self._where = f"{data_dir}?{urlencode(options)}&config-file={self._access.name}/config.xml"
        self._own = self._connect()
        _chdb.reset_signal_handlers()
        ((self.version, self.timezone),) = (
            (row["version"], row["timezone"])
            for row in self._own.rows("SELECT version() AS version, timezone() AS timezone")
        )
        names = self._own.rows("SELECT name FROM system.table_functions")
        self.refused_functions = refused_table_functions(row["name"] for row in names)

    def connect(self, role: Role) -> Connection:
        """A connection that may do what `role` may."""
        connection = self._connect()
        connection.query(f"SET ROLE {role}", "Null")
        return connection

    def _connect(self) -> Connection:
        try:
            return Connection(self._module.connect(self._where))
        except RuntimeError as raised:
            raise from_engine(raised) from raised

    def create_database(self, name: str) -> None:
        self._own.query(f"CREATE DATABASE IF NOT EXISTS {quoted_name(name)}", "Null")

    def kill(self, tag: str) -> None:
        """Ask the queries that run with this `log_comment` to end; they then raise QUERY_WAS_CANCELLED.

        It may fail or come too early: a caller that needs the end asks again.
        """
        with suppress(DatabaseError), closing(self._connect()) as connection:
            connection.query(f"KILL QUERY WHERE Settings['log_comment'] = {quoted(tag)} ASYNC", "Null")

    def close(self) -> None:
        self._own.close()
        self._access.cleanup()
