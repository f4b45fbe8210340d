"""A price's whole way, in real processes: the exchange's journal and Redis must agree, to the last digit."""

import gzip
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.aggregator.intake import wall_clock_ms
from services.market.names import MINI_TICKERS
from tests.aggregator.chain import Chain, last_of, running_chain
from tests.aggregator.topic_reader import TopicReader
from tests.kafka_broker import RunningKafka
from tests.processes import until

TRADES = "spot_btcusdt_20240808.gz"
DATA_DIR = Path(os.environ.get("RECORDED_DATA_DIR") or "absent")


async def until_settled(chain: Chain) -> None:
    """Wait until Redis holds exactly the journal's last prices."""

    async def agree() -> bool:
        expected = {symbol: (last.event_ms, last.price) for symbol, last in last_of(await chain.journal()).items()}
        cached = {symbol: (last.event_ms, last.price) for symbol, last in (await chain.cached()).items()}
        return bool(expected) and cached == expected

    await until(agree, 60, "Redis and the journal agree")


async def count_trades(chain: Chain) -> int:
    """Different trades in the journal of followed symbols, from the first that was streamed to a client."""
    records = [record for record in await chain.journal() if record["kind"] != "miniTicker"]
    return len({(record["symbol"], record["data"]["a"]) for record in records})


async def test_last_prices_equal_the_journal_through_faults(redis_url: str) -> None:
    async with running_chain(redis_url, RATE=0) as chain:
        await chain.follow("btcusdt", "ethusdt")
        await chain.control("burst", symbol="BTCUSDT", count=500)
        await chain.control("trade", symbol="ETHUSDT", price="0.00000001", quantity="1")
        await chain.control("skip", symbol="BTCUSDT", count=7)
        await chain.control("malformed", stream="btcusdt@aggTrade")
        await chain.control("repeat", symbol="BTCUSDT", count=50)
        await chain.control("burst", symbol="BTCUSDT", count=20)

        async def whole() -> bool:
            return await chain.metric("aggregator_trades_total") == await count_trades(chain) == 528

        await until(whole, what="every trade came through once, those the stream never showed included")
        await until_settled(chain)
        assert await chain.redis.get("market:source") == b"simulator"

        await chain.control("drop")
        await chain.follow("btcusdt", "ethusdt")
        await chain.control("trade", symbol="ETHUSDT", price="4321.12345678", quantity="1")
        await until_settled(chain)
        assert (await chain.cached())["ethusdt"].price == Decimal("4321.12345678")


async def test_a_moving_market_is_followed_exactly(redis_url: str) -> None:
    async with running_chain(redis_url, RATE=30) as chain:
        await chain.follow("btcusdt")

        async def has_moved() -> bool:
            return await chain.metric("aggregator_publishes_total") > 30

        await until(has_moved)
        await chain.control("pause")
        await until_settled(chain)
        assert await chain.metric("aggregator_refused_total") == 0


async def test_the_topic_holds_what_the_exchange_has_sent(redis_url: str, kafka_broker: RunningKafka) -> None:
    async with (
        running_chain(redis_url, kafka_broker.bootstrap, RATE=30) as chain,
        TopicReader(kafka_broker.bootstrap, MINI_TICKERS) as reader,
    ):

        async def has_kept(number: int) -> bool:
            return await chain.metric("aggregator_events_produced_total", kind="mini_tickers") >= number

        await until(lambda: has_kept(1))
        since_ms = wall_clock_ms()
        await until(lambda: has_kept(60))
        await chain.control("pause")
        sent = {
            f"{record['symbol']}:{record['data']['E']}": record["data"]
            for record in await chain.journal()
            if record["kind"] == "miniTicker" and record["data"]["E"] > since_ms
        }
        await reader.until_ids(sent)
        assert chain.processes["aggregator"].stop() == 0
    kept = {message["message_id"]: message for message in reader.messages}
    assert len(kept) == len(reader.messages), "once each"
    assert len(sent) > 30
    for message_id, data in sent.items():
        assert {key: kept[message_id][key] for key in "esEcohlvq"} == {key: data[key] for key in "esEcohlvq"}
        assert kept[message_id]["src"] == "simulator"


async def test_a_frozen_socket_is_noticed(redis_url: str) -> None:
    async with running_chain(redis_url, RATE=5) as chain:
        await chain.follow("btcusdt")
        chain.processes["socket"].freeze()

        async def noticed() -> bool:
            return not any(stream["up"] for stream in (await chain.coins())["streams"].values())

        await until(noticed, 60, "the streams count as lost")
        chain.processes["socket"].thaw()

        async def back() -> bool:
            return all(stream["up"] for stream in (await chain.coins())["streams"].values())

        await until(back, 60, "the streams are open again")
        await chain.control("pause")

        async def current() -> bool:
            await chain.control("trade", symbol="BTCUSDT", price="4321.12345678", quantity="1")
            last = (await chain.cached()).get("btcusdt")
            return last is not None and last.price == Decimal("4321.12345678")

        await until(current, 60, "the newest trade has come through")


@pytest.mark.recorded
@pytest.mark.skipif(not (DATA_DIR / TRADES).is_file(), reason="RECORDED_DATA_DIR holds no recordings")
async def test_the_recording_passes_without_loss_and_ends_at_its_last_price(redis_url: str) -> None:
    """Its trades become aggregate trades of one fill each, which is derived; ids, times and prices are recorded."""
    with gzip.open(DATA_DIR / TRADES) as lines:
        messages = [json.loads(line.split(b" ", 1)[1]) for line in lines if b'"btcusdt@trade"' in line]
    last = messages[-1]["data"]
    market: dict[str, Any] = {
        "RECORDING": DATA_DIR / TRADES,
        "RECORDING_SPEED": 0,
        "RECORDING_WAIT_FOR": "btcusdt@aggTrade",
    }
    async with running_chain(redis_url, **market) as chain:
        await chain.follow("btcusdt")

        async def done() -> bool:
            return bool((await chain.state())["recording"]["done"])

        await until(done, 60, "the recording is over")

        async def all_arrived() -> bool:
            return await chain.metric("aggregator_trades_total") >= len(messages)

        await until(all_arrived, 60, "as many trades as recorded")
        await until_settled(chain)
        assert await chain.metric("aggregator_trades_total") == len(messages) == 9_757
        assert await chain.metric("aggregator_refused_total") == 0
        price = (await chain.cached())["btcusdt"]
        assert (price.event_ms >= last["E"], price.price) == (True, Decimal(last["p"]))
