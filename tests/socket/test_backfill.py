"""Asking the exchange's REST interface for what is missing, and knowing when not to ask."""

from collections.abc import AsyncIterator, Callable

import pytest

from services.exchanges.binance.exchange import Binance
from services.exchanges.exchange import TradeFrame
from services.exchanges.rest_client import RestClient, open_rest_client
from services.socket import metrics
from services.socket.backfill import Backfill
from services.socket.sequence import TradeSequence
from tests.processes import until
from tests.socket.harness import Simulator, metric


def requests() -> float:
    return sum(metric("socket_rest_requests_total", outcome=outcome) for outcome in ("ok", "failed", "rate_limited"))


@pytest.fixture
async def rest(simulator: Simulator) -> AsyncIterator[RestClient]:
    client = open_rest_client(simulator.urls["exchange_rest_url"], Binance(), metrics.REST_REQUESTS)
    async with client.client:
        yield client


async def gap_of(simulator: Simulator, count: int) -> TradeSequence:
    """A sequence that lacks the `count` newest trades but one."""
    skipped = await simulator.control("skip", symbol="BTCUSDT", count=count + 2)
    sequence = TradeSequence(max_held=10)
    for trade_id in (skipped["first_id"], skipped["last_id"]):
        sequence.accept(TradeFrame("btcusdt", trade_id, 0, b""))
    assert sequence.gap is not None
    assert sequence.gap.size == count
    return sequence


def never(_: str) -> bool:
    return False


def always(_: str) -> bool:
    return True


async def fill(
    rest: RestClient,
    sequence: TradeSequence,
    deadline_s: float = 10.0,
    max_ids: int = 10_000,
    congested: Callable[[str], bool] = never,
) -> bool:
    def accept(trade: TradeFrame) -> None:
        sequence.accept(trade)

    return await Backfill(Binance(), rest, deadline_s, max_ids).fill("btcusdt", sequence, accept, congested)


async def test_a_gap_is_filled_page_by_page(simulator: Simulator, rest: RestClient) -> None:
    sequence, before = await gap_of(simulator, 2_100), requests()
    assert await fill(rest, sequence)
    assert requests() == before + 3


async def test_a_gap_above_the_limit_is_not_asked_for(simulator: Simulator, rest: RestClient) -> None:
    sequence, before = await gap_of(simulator, 20), requests()
    assert not await fill(rest, sequence, max_ids=19)
    assert requests() == before


async def test_nothing_is_asked_for_while_subscribers_are_busy(simulator: Simulator, rest: RestClient) -> None:
    sequence, before = await gap_of(simulator, 20), requests()
    assert not await fill(rest, sequence, deadline_s=0.5, congested=always)
    assert requests() == before
    assert await fill(rest, sequence)


async def test_trades_that_do_not_exist_are_given_up_after_a_few_pages(rest: RestClient) -> None:
    sequence = TradeSequence(max_held=10)
    for trade_id in (1, 5):
        sequence.accept(TradeFrame("btcusdt", trade_id, 0, b""))
    before = requests()
    assert not await fill(rest, sequence)
    assert requests() == before + 3


async def test_nothing_is_asked_for_before_the_exchange_allows_it_again(simulator: Simulator, rest: RestClient) -> None:
    await simulator.control("rest", reject=1, retry_after_s=2)
    sequence, before = await gap_of(simulator, 20), requests()
    assert not await fill(rest, sequence)
    assert not await fill(rest, sequence)
    assert requests() == before + 1

    async def filled() -> bool:
        return await fill(rest, sequence)

    await until(filled)
    assert requests() == before + 2


async def test_a_dead_rest_interface_is_not_waited_for_beyond_the_deadline() -> None:
    sequence = TradeSequence(max_held=10)
    for trade_id in (1, 5):
        sequence.accept(TradeFrame("btcusdt", trade_id, 0, b""))
    rest = open_rest_client("http://127.0.0.1:9", Binance(), metrics.REST_REQUESTS)
    async with rest.client:
        assert not await fill(rest, sequence)
    assert sequence.gap is not None
