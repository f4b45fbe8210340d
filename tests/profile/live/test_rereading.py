"""Re-reading what may have changed unseen: each key soon, none twice at a time, and the last request is served."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from services.common.revocations import Bearer
from services.profile.live.fanout import Fanout
from services.profile.live.limits import LiveLimits
from services.profile.live.refresh import Refresher
from services.profile.live.seats import Seats
from services.profile.live.stalled import Stalled
from services.profile.live.updates import Updates
from services.profile.portfolio.rules import Portfolio
from tests import virtual_time
from tests.virtual_time import now_s

READ_S = 1.0


class Store:
    """Takes `READ_S` for a read, or fails."""

    def __init__(self) -> None:
        self.reads: list[tuple[float, list[str]]] = []
        self.open: set[str] = set()
        self.failures = 0

    async def read(self, keys: Sequence[str]) -> None:
        assert self.open.isdisjoint(keys), "one key is read once at a time"
        self.reads.append((now_s(), list(keys)))
        self.open.update(keys)
        await asyncio.sleep(READ_S)
        self.open.difference_update(keys)
        if self.failures:
            self.failures -= 1
            raise ConnectionError


def refresher(store: Store, workers: int = 2, batch: int = 1) -> Refresher[str]:
    return Refresher("portfolio", store.read, timeout_s=5, workers=workers, batch=batch)


async def running(keys: Refresher[str], seconds: float) -> None:
    task = asyncio.create_task(keys.run())
    await asyncio.sleep(seconds)
    task.cancel()


def test_requests_during_a_read_are_one_more_read_after_it() -> None:
    async def request() -> Store:
        store = Store()
        keys = refresher(store)
        for at_s in (0, 0.2, 0.4, 0.6):
            asyncio.get_running_loop().call_at(at_s, keys.request, ["a"])
        await running(keys, 10)
        return store

    assert virtual_time.run(request()).reads == [(0, ["a"]), (1, ["a"])]


def test_a_slow_read_delays_no_other_key() -> None:
    async def request() -> Store:
        store = Store()
        keys = refresher(store)
        keys.request(["a", "b", "c"])
        await running(keys, 10)
        return store

    assert virtual_time.run(request()).reads == [(0, ["a"]), (0, ["b"]), (1, ["c"])]


def test_keys_that_wait_are_read_in_batches() -> None:
    async def request() -> Store:
        store = Store()
        keys = refresher(store, workers=1, batch=2)
        keys.request(["a", "b", "c"])
        await running(keys, 10)
        return store

    assert virtual_time.run(request()).reads == [(0, ["a", "b"]), (1, ["c"])]


def test_what_fails_is_read_again_until_it_succeeds() -> None:
    async def request() -> Store:
        store = Store()
        store.failures = 3
        keys = refresher(store)
        keys.request(["a"])
        await running(keys, 100)
        return store

    reads = virtual_time.run(request()).reads
    assert [keys for _, keys in reads] == [["a"]] * 4


def updates(seats: Seats, fanout: Fanout, load: Any) -> Updates:
    return Updates("redis://unused", cast("Any", None), load, seats, fanout, LiveLimits())


def test_a_portfolio_that_was_read_for_a_user_who_left_is_shown_to_none() -> None:
    async def leave_during_the_read() -> None:
        seats, fanout, read = Seats(LiveLimits()), Fanout(Stalled(stuck_after_s=1), gather_s=0), asyncio.Event()

        async def load(user_id: int) -> Portfolio:
            await read.wait()
            return Portfolio(user_id, "someone", {})

        engine = updates(seats, fanout, load)
        client = seats.take(cast("Any", None), Bearer(1, None, None))
        reading = asyncio.create_task(engine._read_portfolio([1]))
        await asyncio.sleep(1)
        seats.leave(client)
        engine.showing.close(client.audience)
        again = seats.take(cast("Any", None), Bearer(1, None, None))
        read.set()
        await reading
        assert not client.audience.loaded.is_set()
        assert client.audience.document is None
        assert not again.audience.loaded.is_set(), "its own read is on its way"

    virtual_time.run(leave_during_the_read())


def test_an_audience_that_closes_late_takes_no_newer_one_with_it() -> None:
    async def close_late() -> None:
        seats = Seats(LiveLimits())
        first = seats.take(cast("Any", None), Bearer(1, None, None)).audience
        seats.close(first)
        second = seats.take(cast("Any", None), Bearer(1, None, None)).audience
        seats.close(first)
        assert seats.audience(1) is second

    virtual_time.run(close_late())
