"""The command against the simulated exchange and the real engine with the real schema."""

import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from services.backfill.plan import INTERVALS, SETTLE_MS
from services.kafka_clickhouse.migrate import upgrade
from tests.backfill.exchange import MINUTE_MS, Answer, row, scripted_exchange
from tests.backfill.running import (
    Candle,
    Finished,
    backfill,
    candles,
    connected,
    exchange_candles,
    insert_ticks,
    own_database,
    started,
)
from tests.clickhouse_server import RunningClickHouse
from tests.processes import until
from tests.simulator.running import Running, running

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@dataclass(frozen=True, slots=True)
class Place:
    """A simulated exchange, and an empty database with our schema."""

    exchange: Running
    client: AsyncClient
    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "clickhouse_url": self.url,
            "exchange_rest_url": f"http://127.0.0.1:{self.exchange.settings.rest_port}",
            "exchange_source": "simulator",
            "backfill_patience_s": "20",
        }

    async def backfill(self, *arguments: str, **environment: str) -> Finished:
        return await backfill(*arguments, **{**self.environment, **environment})

    async def differences(self, interval: str, first_ms: int, end_ms: int) -> list[Candle]:
        """The exact candles that are not as the exchange has them, and the missing ones."""
        ours = await candles(self.client, interval, where="volume IS NOT NULL")
        theirs = await exchange_candles(self.exchange.http, interval, first_ms, end_ms)
        assert theirs
        return sorted(set(ours).symmetric_difference(theirs))


@pytest.fixture
async def database(clickhouse_server: RunningClickHouse) -> AsyncIterator[str]:
    async with own_database(clickhouse_server) as url:
        yield url


@pytest.fixture
async def place(database: str) -> AsyncIterator[Place]:
    async with running(start_ms=None) as exchange, connected(database) as client:
        yield Place(exchange, client, database)


def some_day_ms() -> int:
    """The start of a day that is over, and in the invented past: its klines stay as they are."""
    return int(time.time() * 1_000) // DAY_MS * DAY_MS - 3 * DAY_MS


def span(first_ms: int, end_ms: int) -> tuple[str, ...]:
    return "--from", str(first_ms), "--to", str(end_ms)


async def test_an_empty_table_is_filled_at_every_level(place: Place) -> None:
    done = await place.backfill("btcusdt", "--days", "2")
    assert done.code == 0
    assert [line.partition(",")[0] for line in done.out.splitlines()] == ["BTCUSDT 1m", "BTCUSDT 1h", "BTCUSDT 1d"]
    now_ms = int(time.time() * 1_000)
    for interval, length_ms in (("1m", MINUTE_MS), ("1h", HOUR_MS), ("1d", DAY_MS)):
        ours = await candles(place.client, interval, where="volume IS NOT NULL")
        first_ms, end_ms = ours[0][0], ours[-1][0] + length_ms
        assert first_ms <= now_ms - 2 * DAY_MS < first_ms + 2 * length_ms + DEADLINE_MS
        assert end_ms <= now_ms < end_ms + length_ms + DEADLINE_MS
        assert await place.differences(interval, first_ms, end_ms) == []


DEADLINE_MS = 60_000
"""The clock may have gone on by so much between a run and a look at the clock."""


async def test_what_is_not_over_is_not_written(place: Place) -> None:
    start_ms = int(time.time() * 1_000) - 600_000
    done = await place.backfill("btcusdt", "--from", str(start_ms), "--intervals", "1s,1m,1h,1d")
    assert done.code == 0
    now_ms = int(time.time() * 1_000)
    for interval in ("1s", "1m"):
        ours = await candles(place.client, interval, where="volume IS NOT NULL")
        assert start_ms < ours[-1][0] <= now_ms - SETTLE_MS - INTERVALS[interval].length_ms
    # The seconds are known of the minute that still forms; that makes no exact minute of it.
    assert await place.differences("1m", start_ms // MINUTE_MS * MINUTE_MS, ours[-1][0] + MINUTE_MS) == []


async def test_an_hour_and_a_day_of_back_filled_minutes_alone_are_right(place: Place) -> None:
    day_ms = some_day_ms()
    assert (await place.backfill("btcusdt", "--intervals", "1m", *span(day_ms, day_ms + DAY_MS))).code == 0
    for interval in ("1h", "1d"):
        theirs = await exchange_candles(place.exchange.http, interval, day_ms, day_ms + DAY_MS)
        assert [candle[:5] for candle in await candles(place.client, interval)] == [candle[:5] for candle in theirs]


async def test_seconds_are_filled_on_request(place: Place) -> None:
    start_ms = some_day_ms()
    assert (await place.backfill("btcusdt", "--intervals", "1s", *span(start_ms, start_ms + HOUR_MS))).code == 0
    assert await place.differences("1s", start_ms, start_ms + HOUR_MS) == []


async def test_only_what_is_missing_is_written(place: Place) -> None:
    day_ms = some_day_ms()
    await place.backfill("btcusdt", "--intervals", "1m", *span(day_ms + 2 * HOUR_MS, day_ms + 3 * HOUR_MS))
    await place.backfill("btcusdt", "--intervals", "1m", *span(day_ms + 20 * HOUR_MS, day_ms + 21 * HOUR_MS))
    done = await place.backfill("btcusdt", "--intervals", "1m", *span(day_ms, day_ms + DAY_MS))
    assert done.out.endswith(": 1,320 written, 120 there already\n")
    assert await place.differences("1m", day_ms, day_ms + DAY_MS) == []


async def test_a_repetition_asks_for_nothing_and_reports_so(database: str) -> None:
    first = some_day_ms() // MINUTE_MS
    with scripted_exchange(lambda path, query: served(path, query, range(first, first + 60))) as exchange:
        environment = {
            "clickhouse_url": database,
            "exchange_rest_url": exchange.url,
            "exchange_source": "simulator",
        }
        arguments = ("btcusdt", "--intervals", "1m", *span(first * MINUTE_MS, (first + 60) * MINUTE_MS))
        assert (await backfill(*arguments, **environment)).out.endswith(": 60 written, 0 there already\n")
        assert [query["interval"] for query in exchange.requests] == ["1d", "1m"]
        exchange.requests.clear()
        again = await backfill(*arguments, **environment)
        assert again.code == 0
        assert again.out.endswith(": 0 written, 60 there already\nNothing to fill.\n")
        # Whether the exchange knows the symbol is asked before.
        assert [query["interval"] for query in exchange.requests] == ["1d"]


async def test_what_the_exchange_lacks_is_named_and_skipped(database: str) -> None:
    first = some_day_ms() // MINUTE_MS
    existing = sorted({*range(first + 100, first + 200), *range(first + 1_500, first + 2_000)})
    with scripted_exchange(lambda path, query: served(path, query, existing)) as exchange:
        done = await backfill(
            *("btcusdt", "--intervals", "1m", *span(first * MINUTE_MS, (first + 2_500) * MINUTE_MS)),
            clickhouse_url=database,
            exchange_rest_url=exchange.url,
            exchange_source="simulator",
        )
    day = datetime.fromtimestamp(first * 60, UTC).strftime("%Y-%m-%d")
    next_day = datetime.fromtimestamp(first * 60 + 86_400, UTC).strftime("%Y-%m-%d")
    assert done.code == 0
    assert done.out.splitlines()[0].endswith(": 600 written, 0 there already, 1,900 not at the exchange")
    assert done.out.splitlines()[1:] == [
        f"  nothing at the exchange: {day} 00:00 – {day} 01:40",
        f"  nothing at the exchange: {day} 03:20 – {next_day} 01:00",
        f"  nothing at the exchange: {next_day} 09:20 – {next_day} 17:40",
    ]
    async with connected(database) as client:
        assert [candle[0] // MINUTE_MS for candle in await candles(client, "1m")] == existing


async def test_a_month_that_the_exchange_lacks_and_klines_off_the_grid_are_named_and_the_rest_is_filled(
    database: str,
) -> None:
    """February 2018, in which the exchange halted for a day and went on with klines that begin within an hour."""
    january, february, march, april = (
        int(datetime(2018, month, 1, tzinfo=UTC).timestamp()) // 3_600 for month in range(1, 5)
    )
    halted_ms = int(datetime(2018, 2, 9, 9, 17, tzinfo=UTC).timestamp()) * 1_000
    off_grid = [halted_ms + hour * HOUR_MS for hour in range(5)]
    there = [hour * HOUR_MS for hour in (*range(january, february), *range(march, april))]

    def script(path: str, query: dict[str, str]) -> Answer:
        if path == "/api/v3/time":
            return Answer({"serverTime": int(time.time() * 1_000)})
        if query["interval"] != "1h":
            return Answer([])
        rows = [row(0, open_ms=at) for at in sorted([*there, *off_grid]) if at >= int(query["startTime"])]
        return Answer(rows[: int(query["limit"])])

    with scripted_exchange(script) as exchange:
        done = await backfill(
            *("btcusdt", "--intervals", "1h", "--from", "2018-01-01", "--to", "2018-04-01"),
            clickhouse_url=database,
            exchange_rest_url=exchange.url,
            exchange_source="simulator",
        )
    assert done.code == 0
    counts, *holes = done.out.splitlines()
    assert counts.endswith(": 1,488 written, 0 there already, 672 not at the exchange")
    assert holes == ["  nothing at the exchange: 2018-02-01 00:00 – 2018-03-01 00:00"]
    assert "5 rows of the exchange cannot be true, the first: 2018-02-09 09:17 (no start of a candle of 1h)" in done.err
    async with connected(database) as client:
        assert [candle[0] for candle in await candles(client, "1h")] == there


def served(path: str, query: dict[str, str], minutes: object) -> Answer:
    """As an exchange answers that has klines of these minutes only."""
    if path == "/api/v3/time":
        return Answer({"serverTime": int(time.time() * 1_000)})
    if query["interval"] != "1m":
        return Answer([])
    assert isinstance(minutes, range | list)
    start = -(-int(query["startTime"]) // MINUTE_MS)
    return Answer([row(minute) for minute in minutes if minute >= start][: int(query["limit"])])


async def test_before_the_listing_there_is_nothing(place: Place) -> None:
    day_ms = some_day_ms()
    done = await place.backfill("btcusdt", "--intervals", "1h", *span(day_ms - 100 * DAY_MS, day_ms - 80 * DAY_MS))
    [counts, hole] = done.out.splitlines()
    assert " not at the exchange" in counts
    first_day = datetime.fromtimestamp(day_ms // 1_000 - 100 * 86_400, UTC)
    assert hole.startswith(f"  nothing at the exchange: {first_day:%Y-%m-%d} 00:00 – ")
    assert await place.differences("1h", day_ms - 100 * DAY_MS, day_ms - 80 * DAY_MS) == []


@pytest.mark.parametrize("when", ["before", "after"])
async def test_live_ticks_change_no_exact_candle(place: Place, when: str) -> None:
    """A tick at the very first or last instant, or one with a price from before its minute, is no better."""
    start_ms = some_day_ms()
    arguments = ("btcusdt", *span(start_ms, start_ms + DAY_MS))
    instants_ms = (start_ms, start_ms + MINUTE_MS - 1, start_ms + MINUTE_MS, start_ms + DAY_MS - 1)
    ticks = [(event_ms, Decimal(price)) for event_ms in instants_ms for price in ("0.01", "99999999")]
    if when == "before":
        await insert_ticks(place.client, "BTCUSDT", ticks)
        assert await place.differences("1m", start_ms, start_ms + DAY_MS) != []
    assert (await place.backfill(*arguments)).code == 0
    if when == "after":
        await insert_ticks(place.client, "BTCUSDT", ticks)
    for interval in ("1m", "1h", "1d"):
        assert await place.differences(interval, start_ms, start_ms + DAY_MS) == []
    assert (await place.backfill(*arguments)).out.endswith("Nothing to fill.\n")


async def written(client: AsyncClient) -> int:
    return int((await client.query("SELECT count() FROM candles_1m WHERE volume IS NOT NULL")).result_rows[0][0])


@pytest.mark.parametrize(
    ("ending", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)], ids=["killed", "interrupted"]
)
async def test_a_run_that_was_cut_off_is_continued(place: Place, ending: signal.Signals, code: int) -> None:
    day_ms = some_day_ms()
    arguments = ("btcusdt", "--intervals", "1m", *span(day_ms - 5 * DAY_MS, day_ms))
    await place.exchange.control("rest", delay_s=20, undelayed=5)  # time, listing, and three of eight pages
    async with started(*arguments, **place.environment) as command:

        async def some() -> bool:
            return await written(place.client) == 3_000

        await until(some, what="three pages")
        command.process.send_signal(ending)
        cut = await command.finished()
    await place.exchange.control("rest")
    assert cut.code == code
    there = await written(place.client)
    assert there == 3_000
    if ending is signal.SIGINT:
        assert " not reached" in cut.out
        assert cut.err.endswith("interrupted; run the same command again to go on\n")
    done = await place.backfill(*arguments)
    assert done.out.endswith(f": {7_200 - there:,} written, {there:,} there already\n")
    assert await place.differences("1m", day_ms - 5 * DAY_MS, day_ms) == []


async def test_an_exchange_that_asks_to_wait_is_obeyed(place: Place) -> None:
    await place.exchange.control("rest", reject=2, retry_after_s=1)
    start_ms = some_day_ms()
    done = await place.backfill("btcusdt", "--intervals", "1h", *span(start_ms, start_ms + DAY_MS))
    assert done.code == 0
    assert done.err.count("the exchange asks us to stay away for 1 s\n") == 2
    assert await place.differences("1h", start_ms, start_ms + DAY_MS) == []


async def test_an_unknown_symbol_is_named_before_anything_is_written(place: Place) -> None:
    done = await place.backfill("btcusdt", "btcusdx", "--days", "1")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: the exchange does not know the symbol BTCUSDX\n"
    assert await written(place.client) == 0


async def test_an_end_in_the_future_means_now(place: Place) -> None:
    start_ms = int(time.time() * 1_000) - HOUR_MS
    done = await place.backfill("btcusdt", "--intervals", "1m", "--from", str(start_ms), "--to", "2100-01-01")
    assert done.code == 0
    assert 58 <= await written(place.client) <= 61


async def test_without_our_tables_the_command_names_what_creates_them(place: Place) -> None:
    done = await place.backfill("btcusdt", clickhouse_url=place.url.rsplit("/", 1)[0] + "/test_nothing_here")
    assert done.code == 1
    assert "run `python -m services.kafka_clickhouse migrate` first" in done.err


async def test_a_wrong_password_is_reported(place: Place) -> None:
    wrong = place.url.replace(place.url.split("@")[0], "http://crypto:wrong")
    done = await place.backfill("btcusdt", clickhouse_url=wrong)
    assert done.code == 1
    assert "does not accept the name and password" in done.err


@pytest.fixture
async def fragile(own_clickhouse: RunningClickHouse) -> AsyncIterator[Place]:
    await upgrade(own_clickhouse.url, {})
    async with running(start_ms=None) as exchange, connected(own_clickhouse.url) as client:
        yield Place(exchange, client, own_clickhouse.url)


@pytest.mark.parametrize("comes_back", [True, False], ids=["comes back", "stays away"])
async def test_clickhouse_that_dies_is_waited_for_within_bounds(
    fragile: Place, own_clickhouse: RunningClickHouse, comes_back: bool
) -> None:
    day_ms = some_day_ms()
    arguments = ("btcusdt", "--intervals", "1m", *span(day_ms - 5 * DAY_MS, day_ms))
    patience_s = "60" if comes_back else "0.5"
    await fragile.exchange.control("rest", delay_s=0.1)
    async with started(*arguments, **{**fragile.environment, "backfill_patience_s": patience_s}) as command:

        async def some() -> bool:
            return await written(fragile.client) >= 2_000

        await until(some, what="some pages")
        own_clickhouse.process.kill()
        if comes_back:
            await command.until_output("no answer from ClickHouse")
            own_clickhouse.process.start()
        done = await command.finished()
    if comes_back:
        assert done.code == 0
        assert await fragile.differences("1m", day_ms - 5 * DAY_MS, day_ms) == []
        return
    assert done.code == 1
    assert " not reached" in done.out
    [*_, error] = done.err.splitlines()
    assert error.startswith("error: no answer from ClickHouse at 127.0.0.1")
    assert error.endswith("Run the same command again to go on.")
