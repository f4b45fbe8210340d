"""The fan-out without sockets: which client is sent what, what is kept, and what a full client costs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import groupby
from typing import Any

from services.market.symbols import TRADING, Listing
from services.market.valuation import Graph
from services.profile.live.fanout import VIEWERS_PER_TURN, Fanout
from services.profile.live.prices import Price, price_of
from services.profile.live.stalled import Stalled
from services.profile.live.viewers import Viewer
from services.profile.portfolio.rules import Portfolio
from tests import virtual_time
from tests.profile.live.replica import metric, parse


class Page:
    """A client that takes each frame, unless it is full."""

    def __init__(self, events: list[str] | None = None) -> None:
        self.frames: list[bytes] = []
        self.full = False
        self.cut = False
        self._events = events

    def push(self, frame: bytes) -> bool:
        if not self.full:
            self.frames.append(frame)
            if self._events is not None:
                self._events.append("page")
        return not self.full

    def abort(self) -> None:
        self.cut = True

    @property
    def newest(self) -> dict[str, Any]:
        return parse(self.frames[-1][self.frames[-1].index(b"{") :])


def fanout(stalled: Stalled | None = None, gather_s: float = 0.01) -> Fanout:
    """With a listing of pairs with USDT."""
    engine = Fanout(stalled or Stalled(stuck_after_s=20), gather_s=gather_s)
    engine.market.adopt(Graph([Listing(symbol, symbol.upper(), "USDT", TRADING) for symbol in ("a", "b", "c")]))
    return engine


def holding(*symbols: str, user_id: int = 1) -> Portfolio:
    return Portfolio(user_id, "someone", dict.fromkeys(symbols, Decimal(1)))


def at(number: int) -> Price:
    return price_of(Decimal(number), number, "binance")


@asynccontextmanager
async def serving(engine: Fanout) -> AsyncIterator[None]:
    task = asyncio.create_task(engine.run())
    yield
    task.cancel()


def test_a_second_websocket_hides_no_news_from_the_first() -> None:
    """It is sent the newest document while the first one still waits for the burst to end."""

    async def attach_in_a_burst() -> tuple[Page, Page]:
        engine, viewer, first, second = fanout(), Viewer(1), Page(), Page()
        engine.show(viewer, engine.market.document(holding("a")))
        engine.attach(viewer, first)
        async with serving(engine):
            engine.apply("a", at(5))
            engine.attach(viewer, second)
            await asyncio.sleep(1)
        return first, second

    first, second = virtual_time.run(attach_in_a_burst())
    assert first.newest == second.newest
    assert first.newest["Total"] == 5


def test_a_document_that_has_not_changed_is_not_sent_again() -> None:
    async def show_twice() -> Page:
        engine, viewer, page = fanout(), Viewer(1), Page()
        engine.show(viewer, engine.market.document(holding("a")))
        engine.attach(viewer, page)
        engine.show(viewer, engine.market.document(holding("a")))
        return page

    assert len(virtual_time.run(show_twice()).frames) == 1


def test_prices_are_kept_for_what_is_shown_alone() -> None:
    async def come_and_go() -> None:
        engine, one, other = fanout(), Viewer(1), Viewer(2)
        engine.apply("a", at(1))
        assert engine.unpriced(["a"]) == ["a"], "no viewer shows it"
        assert engine.show(one, engine.market.document(holding("a", "b"))) == (frozenset("ab"), frozenset())
        assert engine.show(other, engine.market.document(holding("a", "c"))) == (frozenset("c"), frozenset())
        for symbol in ("a", "b", "c"):
            engine.apply(symbol, at(1))
        changed = engine.show(one, engine.market.document(holding("b")))
        assert changed == (frozenset(), frozenset()), "the other one still shows it"
        assert engine.forget(other) == {"a", "c"}
        assert engine.symbols == {"b"}
        assert engine.unpriced(["a", "b", "c"]) == ["a", "c"]
        engine.show(other, engine.market.document(holding("a")))
        assert engine.unpriced(["a"]) == ["a"], "what was known before may be old"

    virtual_time.run(come_and_go())


def test_a_burst_is_one_document_and_one_without_end_is_served_all_the_same() -> None:
    async def burst() -> None:
        engine, viewer, page = fanout(), Viewer(1), Page()
        engine.show(viewer, engine.market.document(holding("a")))
        engine.attach(viewer, page)
        async with serving(engine):
            for number in range(1, 4):
                engine.apply("a", at(number))
                await asyncio.sleep(0.005)
            await asyncio.sleep(1)
            assert [len(page.frames), page.newest["Total"]] == [2, 3]
            for number in range(4, 204):
                engine.apply("a", at(number))
                await asyncio.sleep(0.005)
            assert page.newest["Total"] > 180
            assert len(page.frames) < 40

    virtual_time.run(burst())


def test_many_viewers_leave_turns_to_other_tasks() -> None:
    async def serve() -> list[str]:
        engine, events = fanout(), list[str]()
        for user_id in range(3 * VIEWERS_PER_TURN):
            viewer = Viewer(user_id)
            engine.show(viewer, engine.market.document(holding("a", user_id=user_id)))
            engine.attach(viewer, Page(events))
        engine.apply("a", at(1))
        events.clear()
        serving = asyncio.create_task(engine._serve({"a"}))
        while not serving.done():
            events.append("other")
            await asyncio.sleep(0)
        return events

    events = virtual_time.run(serve())
    assert events.count("page") == 3 * VIEWERS_PER_TURN
    assert max(len(list(turn)) for event, turn in groupby(events) if event == "page") <= VIEWERS_PER_TURN


def test_a_full_client_gets_the_newest_document_when_it_drains_and_none_before() -> None:
    async def fill_and_drain() -> None:
        engine, viewer, page = fanout(), Viewer(1), Page()
        engine.show(viewer, engine.market.document(holding("a")))
        engine.attach(viewer, page)
        async with serving(engine):
            page.full = True
            for number in (1, 2, 3):
                engine.apply("a", at(number))
                await asyncio.sleep(1)
            assert metric("profile_live_stalled_clients") == 1
            page.full = False
            engine.drained(viewer, page)
            assert [len(page.frames), page.newest["Total"]] == [2, 3]
            assert metric("profile_live_stalled_clients") == 0
            engine.drained(viewer, page)
            assert len(page.frames) == 2, "it has missed nothing since"

    virtual_time.run(fill_and_drain())


def test_a_client_that_stays_full_is_cut_however_much_it_misses() -> None:
    async def stay_full() -> None:
        stalled, page = Stalled(stuck_after_s=20), Page()
        cutting = asyncio.create_task(stalled.cut_stuck())
        for _ in range(19):
            stalled.add(page)
            await asyncio.sleep(1)
        assert not page.cut
        for _ in range(6):
            stalled.add(page)
            await asyncio.sleep(1)
        assert page.cut
        cutting.cancel()

    virtual_time.run(stay_full())


def test_a_client_that_leaves_while_it_is_full_is_forgotten() -> None:
    async def leave() -> None:
        stalled, viewer, page = Stalled(stuck_after_s=20), Viewer(1), Page()
        engine = fanout(stalled, gather_s=0)
        cutting = asyncio.create_task(stalled.cut_stuck())
        page.full = True
        engine.show(viewer, engine.market.document(holding("a")))
        engine.attach(viewer, page)
        assert metric("profile_live_stalled_clients") == 1
        engine.detach(viewer, page)
        assert metric("profile_live_stalled_clients") == 0
        await asyncio.sleep(60)
        assert not page.cut
        cutting.cancel()

    virtual_time.run(leave())
