"""The tape: which symbols are recorded, and that their trades reach the topic as the exchange sent them."""

import asyncio
import json
from collections.abc import Sequence
from typing import cast

import pytest
from pydantic import ValidationError

from services.aggregator.backlog import Backlog
from services.aggregator.events import TRADE_EVENTS, Message
from services.aggregator.recorder import ROUND_EVENTS, Recorder
from services.aggregator.settings import AggregatorSettings
from services.aggregator.wanted import Wanted
from services.market.names import AGG_TRADES
from services.market.wanted import decode_wanted, encode_wanted
from tests.aggregator.chain import running_chain
from tests.aggregator.recording import Openings
from tests.aggregator.socket_peer import START_MS, trade
from tests.aggregator.topic_reader import TopicReader
from tests.kafka_broker import RunningKafka, new_topic
from tests.processes import until


def settings(record_symbols: str) -> AggregatorSettings:
    return AggregatorSettings(redis_url="redis://none", record_symbols=record_symbols)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("wanted", set()),
        ("all", set()),
        ("", set()),
        ("BTCUSDT, ethusdt", {"btcusdt", "ethusdt"}),
        ("币安人生usdt", {"币安人生usdt"}),
    ],
)
def test_symbols_may_be_named_for_the_tape(text: str, named: set[str]) -> None:
    assert settings(text).listed_to_record == named


@pytest.mark.parametrize("text", ["btc usdt", "btcusdt,,ethusdt", "x" * 100, "btcusdt;ethusdt"])
def test_what_is_no_symbol_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValidationError, match="record_symbols"):
        settings(text)


async def test_what_is_recorded_is_wanted_besides_what_is_followed() -> None:
    wanted = Wanted()
    wanted.record(frozenset({"btcusdt"}))
    wanted.replace(frozenset({"ethusdt"}))
    assert await wanted.other_than(None) == {"btcusdt", "ethusdt"}
    waiting = asyncio.create_task(wanted.other_than(wanted.symbols))
    wanted.record(frozenset({"btcusdt", "ethusdt"}))  # no change of the whole
    await asyncio.sleep(0)
    assert not waiting.done()
    wanted.replace(frozenset())
    wanted.record(frozenset())
    assert await waiting == frozenset()


@pytest.mark.parametrize(("record_symbols", "named"), [("all", []), ("bnbusdt", ["bnbusdt"])])
async def test_the_past_of_what_is_only_recorded_is_not_asked_for(
    redis_url: str, record_symbols: str, named: list[str]
) -> None:
    async with running_chain(redis_url, "", {"RECORD_SYMBOLS": record_symbols}, RATE=0) as chain:
        await chain.until_streamed("bnbusdt")
        await chain.follow("ethusdt")

        async def wanted() -> list[str]:
            return decode_wanted(cast("bytes | None", await chain.redis.get("market:wanted")) or encode_wanted([]))

        async def follow_shows() -> bool:
            return "ethusdt" in await wanted()

        await until(follow_shows, what="what is followed is in Redis")
        assert await wanted() == sorted([*named, "ethusdt"])


def messages(first: int, number: int) -> list[Message]:
    return [Message(b"BTCUSDT", trade("btcusdt", each, "1.5"), START_MS) for each in range(first, first + number)]


async def test_trades_that_come_one_by_one_go_together(
    kafka_broker: RunningKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await new_topic(kafka_broker.bootstrap)
    sent: list[int] = []
    opener = Openings(kafka_broker.bootstrap, topic)
    recorder = Recorder(Backlog(TRADE_EVENTS, 10**9), opener)
    running = asyncio.create_task(recorder.run())
    await until(lambda: opener.producers)
    send = opener.producers[0].send

    async def noted(batch: Sequence[Message]) -> list[Message]:
        sent.append(len(batch))
        return await send(batch)

    monkeypatch.setattr(opener.producers[0], "send", noted)
    for each in range(50):
        recorder.take(messages(each, 1), "binance", START_MS)
        await asyncio.sleep(0)
    await until(lambda: recorder.state().produced == 50)
    assert sent == [50]
    recorder.take(messages(50, ROUND_EVENTS), "binance", START_MS)
    recorder.stop()
    await running
    assert sum(sent) == recorder.state().produced == 50 + ROUND_EVENTS


@pytest.mark.parametrize("record_symbols", ["wanted", "all", "btcusdt,ethusdt"])
async def test_the_topic_holds_the_trades_that_the_exchange_has_sent(
    redis_url: str, kafka_broker: RunningKafka, record_symbols: str
) -> None:
    recorded = {"RECORD_SYMBOLS": record_symbols}
    async with running_chain(redis_url, kafka_broker.bootstrap, recorded, RATE=0) as chain:
        if record_symbols == "wanted":
            await chain.follow("btcusdt", "ethusdt")
        else:
            await chain.until_streamed("btcusdt", "ethusdt")
        async with TopicReader(kafka_broker.bootstrap, AGG_TRADES) as reader:
            await chain.control("burst", symbol="BTCUSDT", count=3_000)
            await chain.control("skip", symbol="BTCUSDT", count=5)
            await chain.control("repeat", symbol="BTCUSDT", count=50)
            await chain.control("trade", symbol="ETHUSDT", price="0.00000001", quantity="1")
            await chain.control("burst", symbol="BTCUSDT", count=3)

            async def kept() -> bool:
                return await chain.metric("aggregator_events_produced_total", kind="agg_trades") >= 3_009

            await until(kept, 60, "every trade is confirmed")
            await reader.until_number(3_009)
        journal = [record for record in await chain.journal() if record["kind"] != "miniTicker"]
    assert [record.key for record in reader.records].count(b"ETHUSDT") == 1
    held = {(message["s"], message["a"]): message for message in map(json.loads, (r.value for r in reader.records))}
    assert len(held) == len(reader.records) == 3_009
    for record in journal:
        message = held[record["symbol"], record["data"]["a"]]
        assert message.pop("src") == "simulator"
        assert message.pop("receive_time") >= record["data"]["T"]
        if record["kind"] == "aggTrade":
            assert message == record["data"]
