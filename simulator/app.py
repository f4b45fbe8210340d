"""The composition root: an exchange, its two servers, and the loops that keep its market moving."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing

import structlog
from starlette.applications import Starlette

from services.common.http import listen, serve_http
from services.common.internal import internal
from services.common.lifecycle import Lifecycle
from simulator.archive import Archive
from simulator.control import Control
from simulator.exchange import Exchange, wall_clock_ms
from simulator.generation import Arrivals, generate, publish_tickers, sum_up_days
from simulator.hub import Hub
from simulator.journal import Journal
from simulator.market import Market
from simulator.recording import replay, starts_at_ms
from simulator.rest import PublicRest
from simulator.settings import SimulatorSettings
from simulator.stream_server import serve_streams
from simulator.symbols import catalogue

log = structlog.get_logger()


@asynccontextmanager
async def app(settings: SimulatorSettings, life: Lifecycle) -> AsyncIterator[None]:
    """Serve the exchange while the context is open. Raises `PortTakenError`."""
    async with AsyncExitStack() as stack:
        exchange = open_exchange(settings)
        stack.enter_context(closing(exchange.journal))
        stream_sock = stack.enter_context(closing(listen(settings.host, settings.stream_port)))
        rest_sock = stack.enter_context(closing(listen(settings.host, settings.rest_port)))
        routes = [*PublicRest(exchange).routes(), *Control(exchange).routes()]
        await stack.enter_async_context(
            serve_http(internal(Starlette(routes=routes), settings.allowed_hosts), rest_sock)
        )
        log.info("rest.listening", port=rest_sock.getsockname()[1])
        await stack.enter_async_context(serve_streams(exchange, settings, stream_sock))
        await stack.enter_async_context(life.background(sum_up_days(exchange), "days"))
        await stack.enter_async_context(life.background(publish_tickers(exchange), "tickers"))
        await stack.enter_async_context(life.background(_trade(exchange, settings), "trades"))
        yield


def open_exchange(settings: SimulatorSettings) -> Exchange:
    """An exchange with the settings' markets. Its journal must be closed."""
    start_ms = settings.start_ms or (starts_at_ms(settings.recording) if settings.recording else wall_clock_ms())
    markets = {s.name: Market(s, settings.seed, start_ms) for s in catalogue(settings.symbol_count)}
    return Exchange(
        markets,
        Hub(),
        Journal(settings.journal_size, settings.journal),
        Archive(settings.journal_size),
        replaying=settings.recording is not None,
        last_event_ms=start_ms,
    )


async def _trade(exchange: Exchange, settings: SimulatorSettings) -> None:
    if settings.recording is None:
        await generate(exchange, Arrivals(exchange.symbols, settings.rate, settings.seed))
    else:
        await replay(exchange, settings.recording, settings.recording_speed, settings.recording_wait_for)
