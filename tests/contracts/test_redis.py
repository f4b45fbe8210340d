"""What processes leave for one another in Redis: written by the one, kept by a real server, read by the other."""

import asyncio
import time
from collections.abc import Mapping
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from services.aggregator import documents
from services.aggregator.followers import MAX_FOLLOWER_ID, Follow
from services.aggregator.overview import symbols_document
from services.aggregator.prices import Quote, Tick
from services.aggregator.redis import MarketStore
from services.aggregator.symbols import Directory
from services.dashboard.market import Snapshot
from services.dashboard.redis import MarketReader
from services.market import names
from services.market.symbols import Listing
from services.profile.live.clients import Audience
from services.profile.live.fanout import Fanout
from services.profile.live.limits import LiveLimits
from services.profile.live.prices import read_prices
from services.profile.live.seats import Seats
from services.profile.live.stalled import Stalled
from services.profile.live.updates import Updates
from tests.contracts.values import listings, over_a_connection, prices, sources, symbols, times_ms, user_ids

Ticks = dict[str, tuple[int, str]]
"""Event time and price, by symbol."""

follows = st.sets(st.builds(Follow, st.integers(1, MAX_FOLLOWER_ID), symbols), max_size=10)
ticks = st.dictionaries(symbols, st.tuples(times_ms, prices), min_size=1, max_size=6)


async def empty(redis: Redis) -> None:
    await redis.delete(names.FOLLOWS, names.LAST_PRICES, names.SOURCE, names.SYMBOLS)


@over_a_connection
@given(kept=follows, ended=follows, foreign=st.lists(st.binary(min_size=1), max_size=5))
def test_follows_outlive_the_aggregator(
    runner: asyncio.Runner, redis: Redis, kept: set[Follow], ended: set[Follow], foreign: list[bytes]
) -> None:
    """What holds until it is withdrawn is read by the next aggregator; members that are no follows cost none."""

    async def across_a_restart() -> list[Follow]:
        await empty(redis)
        store = MarketStore(redis)
        await store.add_follows(kept | ended)
        await store.remove_follows(ended - kept)
        if foreign:
            await redis.sadd(names.FOLLOWS, *(b"x" + member for member in foreign))
        return await MarketStore(redis).follows()

    read = runner.run(across_a_restart())
    assert set(read) == kept
    assert len(read) == len(kept)


def published(of: Ticks, source: str) -> list[tuple[str, bytes, bytes]]:
    quotes = [Quote(symbol, Tick(event_ms, 1, price), None) for symbol, (event_ms, price) in of.items()]
    return [
        (quote.symbol, documents.second_stat(quote, source), documents.last_price(quote, source)) for quote in quotes
    ]


@over_a_connection
@given(former=ticks, later=ticks, listed=st.lists(listings, max_size=4), source=sources)
def test_the_price_cache_is_read_alike_by_all(
    runner: asyncio.Runner, redis: Redis, former: Ticks, later: Ticks, listed: list[Listing], source: str
) -> None:
    """profile, dashboard and the next aggregator read the newest price of each symbol, and the symbols as listed."""
    directory = Directory(())
    directory.replace([*listed, Listing("btcusdt")])

    async def write_and_read() -> tuple[Mapping[str, object], Snapshot, list[bytes], str | None]:
        await empty(redis)
        store = MarketStore(redis)
        await store.replace(source, {symbol: value for symbol, _, value in published(former, source)})
        await store.publish(published(later, source))
        await store.write_symbols(symbols_document(directory))
        read = await read_prices(redis, [*former, *later, "unknown"])
        return read, await MarketReader(redis).snapshot(), await store.last_prices(), (await store.cache_state()).source

    expected = {symbol: (event_ms, Decimal(price), source) for symbol, (event_ms, price) in (former | later).items()}
    shown, snapshot, restored, cached_source = runner.run(write_and_read())
    assert {symbol: (p.event_time_ms, p.price, p.source) for symbol, p in shown.items()} == expected  # type: ignore[attr-defined]
    assert {q.symbol: (q.event_ms, q.price, q.source) for q in snapshot.quotes.values()} == expected
    kept = documents.read_last_prices(restored, source, time.time_ns() // 1_000_000)
    assert {q.symbol: (q.tick.event_ms, Decimal(q.tick.price), source) for q in kept} == expected
    assert snapshot.source == cached_source == source
    assert [snapshot.directory.listings[each.symbol] for each in directory.listings()] == directory.listings()


@over_a_connection
@given(former=ticks, later=ticks, sources_=st.tuples(sources, sources).filter(lambda pair: pair[0] != pair[1]))
def test_prices_of_two_sources_are_never_mixed(
    runner: asyncio.Runner, redis: Redis, former: Ticks, later: Ticks, sources_: tuple[str, str]
) -> None:
    async def switch() -> tuple[Mapping[str, object], Snapshot]:
        await empty(redis)
        store = MarketStore(redis)
        for source, of in zip(sources_, (former, later), strict=True):
            await store.replace(source, {symbol: value for symbol, _, value in published(of, source)})
        return await read_prices(redis, [*former, *later]), await MarketReader(redis).snapshot()

    shown, snapshot = runner.run(switch())
    assert shown.keys() == snapshot.quotes.keys() == later.keys()
    assert {snapshot.source, *(quote.source for quote in snapshot.quotes.values())} == {sources_[1]}


@over_a_connection
@given(changed=st.lists(user_ids, min_size=1, max_size=10, unique=True), data=st.data())
def test_a_change_on_one_replica_is_read_by_the_others(
    runner: asyncio.Runner, redis: Redis, changed: list[int], data: st.DataObject
) -> None:
    """The other replica reads again the portfolios of those among them who have a websocket there."""
    seated = set(data.draw(st.lists(st.sampled_from(changed)))) | {data.draw(user_ids)}

    async def announce() -> set[int]:
        here, there = replica(redis, set()), replica(redis, seated)
        async with redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(names.PROFILE_CHANGES)
            await channel.parse_response()  # confirmed
            for user_id in changed:
                await here.announce(user_id)
            for _ in changed:
                message = None
                while message is None:
                    message = await channel.get_message(timeout=10)
                there._on_message(message["channel"].decode(), message["data"])
        return set(there._portfolios._waiting)

    assert runner.run(announce()) == seated.intersection(changed)


def replica(redis: Redis, user_ids_: set[int]) -> Updates:
    """The reader and writer of changes in a profile where these users have websockets."""
    seats = Seats(LiveLimits())
    seats._audiences = {user_id: Audience(user_id) for user_id in user_ids_}
    fanout = Fanout(Stalled(stuck_after_s=1), gather_s=0)

    async def load(_: int) -> None:
        return None

    return Updates("redis://unused", redis, load, seats, fanout, LiveLimits())
