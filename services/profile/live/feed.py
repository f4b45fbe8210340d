"""The one Redis subscription of this process: exactly the channels in use, alive or made again.

A confirmed subscription means that messages arrive from here on, and that earlier ones may have been missed. So every
confirmation, the first and each one after a reconnect, is reported to the owner, which then reads the channel's state.

A frozen server looks like a quiet one. Beside the subscription we therefore publish a probe of our own, on another
connection, and take the subscription for dead when it does not come back.
"""

import asyncio
import math
import secrets
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError

from services.common.backoff import Backoff
from services.common.cancellation import raise_if_cancelled
from services.common.redis import CONNECT_TIMEOUT_S
from services.profile.live import metrics

log = structlog.get_logger()

MAX_CHANNELS_PER_COMMAND = 500


class Feed:
    """Calls `on_message(channel, payload)` and `on_subscribed(channel)`, synchronously, in the order of arrival.

    As long as messages wait in the connection's buffer, they are handed over without giving way to other tasks: all
    that waits is applied before anybody acts on it.
    """

    def __init__(
        self,
        redis_url: str,
        commands: Redis,
        on_message: Callable[[str, bytes], None],
        on_subscribed: Callable[[str], None],
        *,
        probe_interval_s: float,
        probe_timeout_s: float,
    ) -> None:
        self._pool: ConnectionPool = ConnectionPool.from_url(
            redis_url, protocol=2, socket_connect_timeout=CONNECT_TIMEOUT_S, socket_timeout=None, socket_keepalive=True
        )
        self._commands = commands
        self._on_message = on_message
        self._on_subscribed = on_subscribed
        self._probe_interval_s = probe_interval_s
        self._probe_timeout_s = probe_timeout_s
        self._probe_channel = f"probe:{secrets.token_hex(8)}"
        self._wanted = {self._probe_channel}
        self._wanted_changed = asyncio.Event()
        self._echo = asyncio.Event()
        self.alive = False

    def follow(self, channels: Iterable[str]) -> None:
        """Subscribe to `channels`, soon, and from now on after every reconnect."""
        self._wanted.update(channels)
        self._wanted_changed.set()

    def unfollow(self, channels: Iterable[str]) -> None:
        """The opposite of `follow`. A message that is on its way may still arrive."""
        self._wanted.difference_update(channels)
        self._wanted_changed.set()

    async def run(self) -> None:
        """Stay subscribed until cancelled."""
        backoff = Backoff(base_s=0.2, cap_s=5.0)
        while True:
            try:
                await self._one_connection(backoff)
            except* (RedisError, OSError) as failures:  # TimeoutError is an OSError
                log.warning("feed.lost", error=repr(failures.exceptions[0]), attempt=backoff.attempt)
            finally:
                self._set_alive(alive=False)
            raise_if_cancelled()
            metrics.FEED_RECONNECTS.inc()
            await asyncio.sleep(backoff.next_delay_s())

    async def _one_connection(self, backoff: Backoff) -> None:
        connection: Any = self._pool.make_connection()  # type: ignore[no-untyped-call]
        self._echo.clear()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await connection.connect()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_subscribed(connection), name="feed subscribe")
                tasks.create_task(self._probe(backoff), name="feed probe")
                await self._read(connection)
        finally:
            await connection.disconnect(nowait=True)

    async def _read(self, connection: Any) -> None:
        while True:
            kind, channel, payload = await connection.read_response(timeout=math.inf)
            if kind == b"message":
                self._deliver(channel.decode(), payload)
            elif kind == b"subscribe":
                self._confirm(channel.decode())

    def _deliver(self, channel: str, payload: bytes) -> None:
        if channel == self._probe_channel:
            self._echo.set()
        else:
            self._on_message(channel, payload)

    def _confirm(self, channel: str) -> None:
        if channel == self._probe_channel:
            self._echo.set()
        else:
            self._on_subscribed(channel)

    async def _keep_subscribed(self, connection: Any) -> None:
        subscribed: set[str] = set()
        while True:
            self._wanted_changed.clear()
            wanted = set(self._wanted)
            await _send(connection, "SUBSCRIBE", wanted - subscribed)
            await _send(connection, "UNSUBSCRIBE", subscribed - wanted)
            subscribed = wanted
            await self._wanted_changed.wait()

    async def _probe(self, backoff: Backoff) -> None:
        """Raises TimeoutError once a probe has not come back in time. The first one is the subscription itself."""
        async with asyncio.timeout(self._probe_timeout_s):
            await self._echo.wait()
        self._set_alive(alive=True)
        backoff.reset()
        log.info("feed.subscribed", channels=len(self._wanted))
        while True:
            await asyncio.sleep(self._probe_interval_s)
            self._echo.clear()
            async with asyncio.timeout(self._probe_timeout_s):
                await self._commands.publish(self._probe_channel, b"")
                await self._echo.wait()

    def _set_alive(self, *, alive: bool) -> None:
        self.alive = alive
        metrics.FEED_ALIVE.set(alive)


async def _send(connection: Any, command: str, channels: set[str]) -> None:
    ordered = sorted(channels)
    for start in range(0, len(ordered), MAX_CHANNELS_PER_COMMAND):
        await connection.send_command(command, *ordered[start : start + MAX_CHANNELS_PER_COMMAND])
