"""The newest wanted set, and who waits for it."""

import asyncio

from services.aggregator.wanted import Wanted


async def test_a_reader_that_was_busy_sees_the_last_of_several_changes() -> None:
    wanted = Wanted()
    wanted.replace(frozenset({"btcusdt"}))
    wanted.replace(frozenset({"ethusdt"}))
    assert await wanted.other_than(frozenset()) == {"ethusdt"}


async def test_the_first_set_is_read_at_once_also_when_it_is_empty() -> None:
    assert await Wanted().other_than(None) == frozenset()


def test_what_is_followed_or_named_has_a_past_that_is_wanted_and_what_is_only_recorded_has_not() -> None:
    wanted = Wanted()
    wanted.record(frozenset({"btcusdt", "ethusdt", "solusdt"}))
    assert wanted.symbols == {"btcusdt", "ethusdt", "solusdt"}
    assert wanted.for_history == frozenset()
    wanted.replace(frozenset({"btcusdt"}))
    wanted.name(frozenset({"bnbusdt"}))
    assert wanted.for_history == {"btcusdt", "bnbusdt"}
    assert wanted.symbols == {"btcusdt", "ethusdt", "solusdt", "bnbusdt"}


async def test_a_change_wakes_every_reader_and_one_that_is_taken_back_none() -> None:
    wanted = Wanted()
    readers = [asyncio.create_task(wanted.other_than(frozenset())) for _ in range(2)]
    await asyncio.sleep(0)
    wanted.replace(frozenset({"btcusdt"}))
    wanted.replace(frozenset())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(reader.done() for reader in readers)
    wanted.replace(frozenset({"ethusdt"}))
    async with asyncio.timeout(10):
        assert await asyncio.gather(*readers) == [{"ethusdt"}] * 2
