"""A service with nothing to do, for the tests of the kit: `python -m tests.common.sample <how it behaves>`.

serve: drains when asked to stop. crash: its background task fails once stdin closes. stubborn: blocks its loop when
asked to stop. failing: cannot start. grpc: serves gRPC's health and nothing else on GRPC_ADDRESS.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from services.common.grpc import serve_grpc
from services.common.lifecycle import Lifecycle, run
from services.common.settings import ServiceSettings, load_settings

log = structlog.get_logger()


class SampleSettings(ServiceSettings):
    grpc_address: str = "127.0.0.1:0"


async def crash_at_end_of_input() -> None:
    await asyncio.to_thread(sys.stdin.read)
    raise RuntimeError("the task failed")


async def idle() -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def app(settings: SampleSettings, life: Lifecycle) -> AsyncIterator[None]:
    how = sys.argv[1]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(closed, life)
        if how == "failing":
            raise RuntimeError("cannot start")
        if how == "stubborn":
            stack.callback(time.sleep, 600)
        if how == "grpc":
            await stack.enter_async_context(serve_grpc(lambda _: None, [], settings.grpc_address))
        work = crash_at_end_of_input() if how == "crash" else idle()
        await stack.enter_async_context(life.background(work, "work"))
        yield


async def closed(life: Lifecycle) -> None:
    log.info("sample.closed", draining=life.health.draining)


if __name__ == "__main__":
    run("sample", load_settings(SampleSettings), app)
