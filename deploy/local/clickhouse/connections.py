"""The connection of a request: one of its own that is not used after it, or its session's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from deploy.local.clickhouse.access import Role
from deploy.local.clickhouse.engine import Connection, Engine, quoted, quoted_name, set_statement
from deploy.local.clickhouse.errors import Code, DatabaseError, error
from deploy.local.clickhouse.request import Request

Call = Callable[..., Any]
SessionKey = tuple[Role, str]
"""A user's session is no other's, though they may call them the same."""


@dataclass(slots=True)
class Session:
    """A kept connection, with its SETs and temporary tables."""

    connection: Connection
    busy: bool = False
    ending: asyncio.TimerHandle | None = None


class Connections:
    """Gives out connections; must be used on the loop. `call` runs a blocking function in a thread.

    Without a session, a connection serves one request: settings cannot leak where nothing is used twice.
    """

    def __init__(self, engine: Engine, call: Call, max_sessions: int) -> None:
        self._engine = engine
        self._call = call
        self._max_sessions = max_sessions
        self._sessions: dict[SessionKey, Session] = {}

    @asynccontextmanager
    async def hold(self, request: Request, settings: dict[str, str]) -> AsyncIterator[Connection]:
        """A connection in the request's database, with `settings` as long as the context is open. DatabaseError."""
        if request.session_id:
            async with self._session(request) as session, self._borrowed(session.connection, request, settings):
                yield session.connection
            return
        connection: Connection = await self._call(_open, self._engine, request, settings)
        try:
            yield connection
        finally:
            await self._call(connection.close)

    @asynccontextmanager
    async def _session(self, request: Request) -> AsyncIterator[Session]:
        name, timeout_s = request.session_id, request.session_timeout_s
        key = request.role, name
        session = self._sessions.get(key)
        if session is None:
            session = self._begin(request)
        if session.busy:
            raise error(Code.SESSION_IS_LOCKED, f"Session {name} is locked by a concurrent client")
        if session.ending:
            session.ending.cancel()
        session.busy = True
        try:
            yield session
        finally:
            session.busy = False
            if request.arguments.get("close_session") == "1":
                self._end(key)
            else:
                session.ending = asyncio.get_running_loop().call_later(timeout_s, self._end, key)

    def _begin(self, request: Request) -> Session:
        if request.arguments.get("session_check") == "1":
            raise error(Code.SESSION_NOT_FOUND, f"Session {request.session_id} not found")
        if len(self._sessions) >= self._max_sessions:
            raise error(Code.TOO_MANY_SIMULTANEOUS_QUERIES, f"Too many sessions. Maximum: {self._max_sessions}")
        key = request.role, request.session_id
        session = self._sessions[key] = Session(self._engine.connect(request.role))
        return session

    def _end(self, key: SessionKey) -> None:
        self._sessions.pop(key).connection.close()

    @asynccontextmanager
    async def _borrowed(
        self, connection: Connection, request: Request, settings: dict[str, str]
    ) -> AsyncIterator[None]:
        """The session's connection, afterwards as its own statements left it: what stood in the URL goes."""
        before: list[str] = await self._call(_undo, connection, settings)
        try:
            await self._call(_enter, connection, request.database, settings)
            yield
        finally:
            await self._call(_leave, connection, before)

    def close(self) -> None:
        """End all sessions, when no request is left."""
        for key, session in list(self._sessions.items()):
            if session.ending:
                session.ending.cancel()
            self._end(key)


def _open(engine: Engine, request: Request, settings: dict[str, str]) -> Connection:
    connection = engine.connect(request.role)
    try:
        _enter(connection, request.database, settings)
    except DatabaseError:
        connection.close()
        raise
    return connection


def _enter(connection: Connection, database: str, settings: dict[str, str]) -> None:
    if database:
        connection.query(f"USE {quoted_name(database)}", "Null")
    connection.query(set_statement(settings), "Null")


def _undo(connection: Connection, settings: dict[str, str]) -> list[str]:
    """The statements that bring database and settings back to what they are now."""
    names = ", ".join(quoted(name) for name in settings)
    known = connection.rows(f"SELECT name, value, changed FROM system.settings WHERE name IN ({names})")  # noqa: S608
    ((database),) = (row["name"] for row in connection.rows("SELECT currentDatabase() AS name"))
    undo = [f"SET {row['name']} = {quoted(row['value']) if row['changed'] else 'DEFAULT'}" for row in known]
    return [f"USE {quoted_name(database)}", *undo]


def _leave(connection: Connection, statements: list[str]) -> None:
    connection.release()
    for statement in statements:
        connection.query(statement, "Null")
