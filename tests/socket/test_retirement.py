"""A replaced connection that brings what its successor is refused."""

import json
from typing import Any

import pytest

from tests.processes import until
from tests.socket.harness import metric, running_proxy, subscribed
from tests.socket.scripted import ScriptedExchange, accept, ignore, refuse_symbol, scripted_exchange

SHUTDOWN = json.dumps({"e": "serverShutdown", "E": 1})
BOTH = {"btcusdt@aggTrade", "ethusdt@aggTrade"}


async def replaced_but_for_ethusdt(exchange: ScriptedExchange) -> None:
    """The first connection brings both symbols, its successor is refused one."""
    await until(lambda: set(exchange.streams(0)) == BOTH)
    exchange.answer = refuse_symbol("ethusdt")
    await exchange.send(SHUTDOWN)
    await until(lambda: metric("socket_symbols_set_aside") == 1, what="the refusal")
    assert exchange.streams(1) == ["btcusdt@aggTrade"]


async def test_a_connection_is_kept_for_a_symbol_that_its_successor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.socket.refusals.RETRY_S", 0.5)
    async with (
        scripted_exchange() as exchange,
        running_proxy(exchange.urls, overlap_s=0) as proxy,
        subscribed(proxy, "btcusdt", "ethusdt"),
    ):
        await replaced_but_for_ethusdt(exchange)
        open_when_accepted: list[bool] = []

        def accept_at_last(message: dict[str, Any]) -> str | None:
            open_when_accepted.append(0 in exchange.open)
            return accept(message)

        exchange.answer = accept_at_last
        await until(lambda: set(exchange.streams(1)) == BOTH, what="the symbol on the successor")
        assert open_when_accepted == [True]
        await until(lambda: list(exchange.open) == [1], what="the end of the first connection")


async def test_a_connection_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.socket.shard._RETIRE_WITHIN_S", 0.3)
    async with (
        scripted_exchange() as exchange,
        running_proxy(exchange.urls, overlap_s=0) as proxy,
        subscribed(proxy, "btcusdt", "ethusdt"),
    ):
        await replaced_but_for_ethusdt(exchange)
        await until(lambda: list(exchange.open) == [1], what="the end of the first connection")


async def test_a_connection_is_not_kept_for_a_symbol_that_is_not_wanted_any_more() -> None:
    """Also one that was replaced because it answers no more, and so can give back nothing."""
    async with (
        scripted_exchange() as exchange,
        running_proxy(exchange.urls, overlap_s=0) as proxy,
        subscribed(proxy, "btcusdt", "ethusdt") as trades,
    ):
        await until(lambda: set(exchange.streams(0)) == BOTH)
        answers = iter([ignore])
        exchange.answer = lambda message: next(answers, refuse_symbol("ethusdt"))(message)
        await trades.want("btcusdt", "ethusdt", "bnbusdt")
        await until(lambda: metric("socket_symbols_set_aside") == 1, what="the refusal")
        assert sorted(exchange.streams(1)) == ["bnbusdt@aggTrade", "btcusdt@aggTrade"]
        assert 0 in exchange.open
        await trades.want("btcusdt", "bnbusdt")
        await until(lambda: list(exchange.open) == [1], what="the end of the first connection")
