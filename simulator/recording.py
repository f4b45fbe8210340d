"""Replaying a recording: lines of `<receive time, ns> {"stream":…,"data":…}`, plain or gzipped.

Every event goes out on its stream as it was recorded. A `@trade` event also becomes a **derived** aggregate trade of
one fill (`t` → `a` = `f` = `l`), which is what moves the market, fills the journal and answers REST. Other lines are
skipped and counted. The market's clock is that of the recorded events.
"""

import asyncio
import gzip
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import structlog

from simulator import metrics
from simulator.decimals import scaled
from simulator.errors import InvalidSymbolError
from simulator.exchange import Exchange, Progress
from simulator.market import Trade

log = structlog.get_logger()

CHUNK_LINES = 256


class RecordedEvent(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class RecordedTrade(msgspec.Struct):
    """The payload of `<symbol>@trade`."""

    E: int
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool


def starts_at_ms(path: Path) -> int:
    """When the recording begins, by its own first line. Raises ValueError for a file that is no recording."""
    with _open(path) as lines:
        return int(next(iter(lines), b"").split(b" ", 1)[0]) // 1_000_000


async def replay(exchange: Exchange, path: Path, speed: float, wait_for: str) -> None:
    """Play the recording once: from the first subscription to the stream `wait_for` on, or at once when it is empty."""
    exchange.recording = progress = Progress()
    if wait_for:
        await exchange.hub.listened(wait_for)
    progress.started = True
    pace = _Pace(speed)
    with _open(path) as lines:
        for number, line in enumerate(lines, start=1):
            time_ns, event = parse_line(line)
            await pace.wait(time_ns)
            _play(exchange, event, progress)
            if number % CHUNK_LINES == 0:
                await asyncio.sleep(0)
                await exchange.hub.drained()
    exchange.publish_tickers()
    exchange.journal.flush()
    progress.done = True
    log.info("recording.done", **asdict(progress))


def parse_line(line: bytes) -> tuple[int | None, RecordedEvent | None]:
    """The receive time and the event of a line; None for either that is not there."""
    time_text, _, body = line.partition(b" ")
    time_ns = int(time_text) if time_text.isdigit() else None
    try:
        return time_ns, msgspec.json.decode(body, type=RecordedEvent)
    except msgspec.DecodeError:
        return time_ns, None


def derived_agg_trade(event: RecordedEvent) -> Trade | None:
    """The aggregate trade that a recorded `@trade` event stands for; None for any other event."""
    if not event.stream.endswith("@trade"):
        return None
    trade = msgspec.json.decode(event.data, type=RecordedTrade)
    return Trade(trade.s, trade.t, scaled(trade.p), scaled(trade.q), trade.t, trade.t, trade.T, trade.E, trade.m)


def _play(exchange: Exchange, event: RecordedEvent | None, progress: Progress) -> None:
    trade = None
    if event is not None:
        try:
            trade = derived_agg_trade(event)
            if trade is not None:
                exchange.adopt(trade)
        except (msgspec.DecodeError, ValueError, InvalidSymbolError):
            event = None
    if event is None:
        progress.skipped += 1
        metrics.RECORDING_LINES.labels("skipped").inc()
        return
    exchange.hub.publish(event.stream, bytes(event.data))
    progress.events += 1
    progress.trades += trade is not None
    metrics.RECORDING_LINES.labels("played").inc()


class _Pace:
    """Holds events back until their time has come; at speed 0 never."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._origin: tuple[int, float] | None = None

    async def wait(self, time_ns: int | None) -> None:
        if self._speed == 0 or time_ns is None:
            return
        now_s = asyncio.get_running_loop().time()
        first_ns, started_s = self._origin = self._origin or (time_ns, now_s)
        delay_s = started_s + (time_ns - first_ns) / 1e9 / self._speed - now_s
        if delay_s > 0:
            await asyncio.sleep(delay_s)


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
