"""The composition root: what is opened, in what order, and what runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from proto.socket_pb2_grpc import SocketServiceStub
from services.aggregator.backlog import Backlog
from services.aggregator.events import TICKER_EVENTS, TRADE_EVENTS, E, EventKind
from services.aggregator.follows import Follows
from services.aggregator.http import ApiContext, http_app
from services.aggregator.intake import Intake
from services.aggregator.kafka import open_producer
from services.aggregator.listing import SymbolListing
from services.aggregator.prices import LatestPrices
from services.aggregator.publisher import Publisher
from services.aggregator.recorder import Recorder
from services.aggregator.redis import MarketStore
from services.aggregator.resume import Frame, Resume
from services.aggregator.settings import ALL, AggregatorSettings
from services.aggregator.symbols import Directory
from services.aggregator.ticker_feed import TickerFeed
from services.aggregator.trade_feed import TradeFeed
from services.aggregator.volumes import Volumes
from services.aggregator.wanted import Wanted
from services.aggregator.wanted_key import WantedKey
from services.common.grpc import open_channel
from services.common.http import listen, serve_http
from services.common.internal import internal
from services.common.kafka import silence_client_log
from services.common.lifecycle import Lifecycle
from services.common.redis import check_redis, open_redis
from services.exchanges.registry import EXCHANGES
from services.market.events import MiniTicker
from services.market.symbols import Listing

LAST_TICK_TIMEOUT_S = 8.0


@asynccontextmanager
async def app(settings: AggregatorSettings, life: Lifecycle) -> AsyncIterator[None]:
    """The running service. Leaving it answers open requests, stops the streams, publishes the last prices, then
    delivers the last events."""
    async with AsyncExitStack() as stack:
        sock = listen(settings.http_host, settings.http_port)
        stack.callback(sock.close)
        redis = open_redis(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        channel = open_channel(settings.socket_target)
        stack.push_async_callback(channel.close)
        stub = SocketServiceStub(channel)

        store, wanted, latest = MarketStore(redis), Wanted(), LatestPrices()
        directory = Directory(latest.symbols, Volumes(latest))
        follows = Follows(store, wanted)
        recorder = await stack.enter_async_context(
            _recording(TICKER_EVENTS, settings.kafka_buffer_bytes, settings, life)
        )
        tape = await stack.enter_async_context(
            _recording(TRADE_EVENTS, settings.kafka_trade_buffer_bytes, settings, life)
        )
        sinks = [recorder.take] if recorder else []
        exchange, source = EXCHANGES[settings.exchange], settings.exchange_source
        intake = Intake(
            exchange,
            latest,
            sinks,
            tape.take if tape else None,
            on_other_source=directory.forget,
            default_source=source,
        )
        resume = Resume(store, lambda: _confirmed(recorder))
        tickers = TickerFeed(stub, intake, resume, recorder.mark if recorder else lambda _: None)
        trades = TradeFeed(stub, intake, wanted)
        wanted.name(settings.listed_to_record)
        listing = SymbolListing(stub, directory, tickers.reopened, _on_listed(settings, wanted))
        publisher = Publisher(latest, directory, store, follows.store_again)

        life.health.add_check("redis", partial(check_redis, redis))
        life.health.add_check("socket", tickers.check)
        await stack.enter_async_context(_until_last_tick(publisher, life))
        for work, name in (
            (follows.run(), "follows"),
            (tickers.run(), "tickers"),
            (trades.run(), "trades"),
            (listing.run(), "listing"),
            (WantedKey(store, lambda: wanted.for_history).run(), "wanted_key"),
            (resume.run(), "resume"),
        ):
            await stack.enter_async_context(life.background(work, name))
        api = http_app(ApiContext(latest, directory, follows, tickers.state, trades.state, recorder, tape))
        await stack.enter_async_context(serve_http(internal(api, settings.allowed_hosts), sock))
        yield


@asynccontextmanager
async def _recording(
    kind: EventKind[E], max_bytes: int, settings: AggregatorSettings, life: Lifecycle
) -> AsyncIterator[Recorder[E] | None]:
    """The sink that feeds Kafka, if Kafka is configured. Leaving it delivers what waits, or counts it as lost."""
    if settings.kafka_bootstrap_servers is None:
        yield None
        return
    silence_client_log()
    opener = partial(open_producer, settings.kafka_bootstrap_servers, kind.topic)
    recorder = Recorder(Backlog(kind, max_bytes), opener)
    async with life.background(recorder.run(), f"recorder of {kind.name}") as running:
        try:
            yield recorder
        finally:
            recorder.stop()
            await asyncio.wait([running], timeout=settings.kafka_drain_timeout_s if recorder.waiting else 0)
    recorder.give_up()


def _confirmed(recorder: Recorder[MiniTicker] | None) -> Frame | None:
    """The last frame of which Kafka has everything."""
    mark = recorder.confirmed if recorder else None
    return mark if isinstance(mark, Frame) else None


def _on_listed(settings: AggregatorSettings, wanted: Wanted) -> Callable[[list[Listing]], None]:
    """What a new listing changes of what is recorded."""

    def record_all(listings: list[Listing]) -> None:
        wanted.record(frozenset(listing.symbol for listing in listings if listing.tradable))

    return record_all if settings.record_symbols == ALL else lambda _: None


@asynccontextmanager
async def _until_last_tick(publisher: Publisher, life: Lifecycle) -> AsyncIterator[None]:
    async with life.background(publisher.run(), "publisher") as ticking:
        try:
            yield
        finally:
            publisher.stop()
            await asyncio.wait([ticking], timeout=LAST_TICK_TIMEOUT_S)
