"""The composition root: what the service consists of, opened in order and closed in reverse."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from proto import socket_pb2_grpc
from services.common.grpc import serve_grpc
from services.common.lifecycle import Lifecycle
from services.exchanges.registry import EXCHANGES
from services.exchanges.rest_client import open_rest_client
from services.socket import metrics
from services.socket.backfill import Backfill
from services.socket.feed import Feed
from services.socket.hub import Hub, QueueLimits
from services.socket.ring import FrameRing
from services.socket.servicer import SERVICE_NAME, SocketServicer
from services.socket.settings import SocketSettings
from services.socket.symbols import SymbolCatalog


@asynccontextmanager
async def app(settings: SocketSettings, life: Lifecycle) -> AsyncIterator[None]:
    """Serve until left. While the exchange is down, the service is up and not ready."""
    exchange = EXCHANGES[settings.exchange]
    ring = FrameRing(settings.ring_age_s, settings.ring_max_bytes)
    hub = Hub(QueueLimits(settings.queue_max_frames, settings.queue_max_bytes), ring)
    metrics.RING_BYTES.set_function(lambda: ring.size_bytes)
    url = settings.exchange_rest_url
    rest = open_rest_client(url, exchange, metrics.REST_REQUESTS)
    backfill = Backfill(exchange, rest, settings.backfill_deadline_s, settings.backfill_max_ids)
    catalog = SymbolCatalog(exchange, rest, settings.symbols_refresh_s, on_refresh=hub.interest_changed.set)
    feed = Feed(settings, exchange, hub, backfill, catalog)
    servicer = SocketServicer(exchange, hub, catalog, settings.exchange_source)
    metrics.SOURCE.labels(settings.exchange_source).set(1)
    life.health.add_check("exchange", feed.check_connections)
    life.health.add_check("mini_tickers", feed.check_tickers)
    life.health.add_check("trades", feed.check_trades)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(rest.client)
        await stack.enter_async_context(life.background(catalog.run(), "symbols"))
        await stack.enter_async_context(life.background(feed.run(), "feed"))
        await stack.enter_async_context(
            serve_grpc(
                lambda server: socket_pb2_grpc.add_SocketServiceServicer_to_server(servicer, server),
                [SERVICE_NAME],
                settings.grpc_address,
            )
        )
        # Streams never end by themselves: end them before the server waits for them.
        stack.callback(hub.drain)
        yield
