"""A process from start to drained end.

    run("authorization", settings, app)

`app` is an async context manager: entering it starts everything, leaving it drains and closes everything, last
opened first. SIGTERM and SIGINT turn readiness off and leave the context; a crashed background task does too, and
the exit code is then 1. Nothing outlives `shutdown_timeout_s`.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import structlog
import uvloop

from services.common.connections import raise_descriptor_limit
from services.common.health import Health
from services.common.http import PortTakenError
from services.common.logging import configure_logging
from services.common.ops import serve_ops
from services.common.settings import ServiceSettings

log = structlog.get_logger()

_CANCEL_AGAIN_S = 5.0
"""A task that goes on for so long has lost its cancellation: before Python 3.12, `asyncio.wait_for` drops one that
comes together with what it waits for, and libraries wait by it. No clean-up takes as long."""

S = TypeVar("S", bound=ServiceSettings)


@dataclass(slots=True)
class Lifecycle:
    """The facilities that the process offers to its service."""

    tasks: asyncio.TaskGroup
    health: Health = field(default_factory=Health)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def background(self, work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[asyncio.Task[None]]:
        """Run `work` while the context is open, then cancel it and wait for its end.

        If it raises, the whole process drains and exits with code 1.
        """
        task = self.tasks.create_task(work, name=name)
        try:
            yield task
        finally:
            while not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=_CANCEL_AGAIN_S)


App = Callable[[S, Lifecycle], AbstractAsyncContextManager[None]]


def run(name: str, settings: S, app: App[S]) -> NoReturn:
    """Run `app` until a signal or a crash, then exit the process: 0 after a drained stop, 1 after a crash."""
    configure_logging(name, settings.log_level, settings.log_format)
    raise_descriptor_limit()
    code = 0
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_live(settings, app))
    except* PortTakenError as taken:
        code = 1
        log.error("service.port_taken", error=str(_first_leaf(taken)))
    except* Exception:  # the last stop: log what crashed, once, and exit
        code = 1
        log.exception("service.crashed")
    log.info("service.stopped", code=code)
    sys.exit(code)


async def _live(settings: S, app: App[S]) -> None:
    async with asyncio.TaskGroup() as tasks:
        life = Lifecycle(tasks)
        _stop_on_signals(life, settings.shutdown_timeout_s)
        async with (
            serve_ops(life.health, settings.ops_host, settings.ops_port, settings.allowed_hosts),
            app(settings, life),
        ):
            life.health.started = True
            log.info("service.ready")
            try:
                await life.stopping.wait()
            finally:
                _begin_drain(life, settings.shutdown_timeout_s)


def _stop_on_signals(life: Lifecycle, timeout_s: float) -> None:
    loop = asyncio.get_running_loop()

    def stop(received: signal.Signals) -> None:
        if life.health.draining:
            return
        log.info("service.stopping", signal=received.name)
        _begin_drain(life, timeout_s)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)


def _begin_drain(life: Lifecycle, timeout_s: float) -> None:
    """After a signal or a crash: not ready any more, and a limit on what follows. Only the first call counts.

    The limit is a thread's, not the loop's: it also ends a drain that blocks the loop, and threads that outlive it.
    """
    if life.health.draining:
        return
    life.health.draining = True
    life.stopping.set()
    timer = threading.Timer(timeout_s, _end_hard, (timeout_s,))
    timer.daemon = True
    timer.start()


def _end_hard(timeout_s: float) -> NoReturn:
    log.error("service.drain_timed_out", timeout_s=timeout_s)
    os._exit(1)


def _first_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    return leaf
