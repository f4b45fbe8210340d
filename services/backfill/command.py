"""The command `python -m services.backfill SYMBOL …`: its arguments, its settings and its exit codes."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from services.backfill.errors import BackfillError, UsageError
from services.backfill.filling import Backfill
from services.backfill.klines import KlineSource, open_http_client
from services.backfill.plan import INTERVALS, closed_span, interval_of, symbol_of, time_ms, time_text
from services.backfill.report import Progress, Task, summary
from services.backfill.settings import BackfillSettings
from services.backfill.store import CandleStore
from services.common.settings import load_settings
from services.exchanges.registry import EXCHANGES
from services.exchanges.weight import WeightLimit

FAILED, MISUSED, INTERRUPTED = 1, 2, 130

_DAY_MS = 86_400_000
_DEFAULT_DAYS = 30


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code: 0 all is filled, 1 it could not be, 2 misuse, 130 interrupted."""
    options = _parser().parse_args(arguments)
    settings = load_settings(BackfillSettings)
    tasks: list[Task] = []
    progress = Progress(tasks, sys.stderr)
    code, problem = 0, ""
    try:
        asyncio.run(_backfill(options, settings, progress))
    except UsageError as error:
        code, problem = MISUSED, f"error: {error}"
    except BackfillError as error:
        code, problem = FAILED, f"error: {error}. Run the same command again to go on."
    except KeyboardInterrupt:
        code, problem = INTERRUPTED, "interrupted; run the same command again to go on"
    progress.clear()
    if tasks:
        sys.stdout.write(f"{summary(tasks)}\n")
    if problem:
        sys.stderr.write(f"{problem}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.backfill",
        description="Fill missing candles from the exchange's klines. What is there is not asked for again.",
        epilog="Times: 2026-01-31, 2026-01-31T12:00Z or ms since 1970; UTC unless an offset is given.",
    )
    parser.add_argument("symbols", nargs="+", metavar="SYMBOL", help="btcusdt")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--days", type=_count, default=_DEFAULT_DAYS, help="before --to (default: %(default)s)")
    begin.add_argument("--from", dest="start", metavar="TIME", help="the candle around this time is the first")
    parser.add_argument("--to", dest="end", metavar="TIME", help="the last candle is over by then (default: now)")
    parser.add_argument(
        "--intervals", default="1m,1h,1d", metavar="LIST", help=f"some of {', '.join(INTERVALS)} (default: %(default)s)"
    )
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) < 100_000):
        raise argparse.ArgumentTypeError(f"{text[:50]!r} is not a number of days")
    return int(text)


async def _backfill(options: argparse.Namespace, settings: BackfillSettings, progress: Progress) -> None:
    symbols = list(dict.fromkeys(symbol_of(text) for text in options.symbols))
    intervals = list(dict.fromkeys(interval_of(text.strip()) for text in options.intervals.split(",")))
    patience_s = settings.backfill_patience_s
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_http_client(settings.exchange_rest_url))
        exchange = EXCHANGES[settings.exchange]
        limit = WeightLimit(progress.report, exchange.limits.background_weight)
        klines = KlineSource(exchange, client, limit, patience_s, progress.report)
        now_ms = await klines.now_ms()
        from_ms, to_ms = _limits_ms(options, now_ms)
        for symbol in symbols:  # Hear of a mistyped one before the others take their time.
            await klines.page(symbol, INTERVALS["1d"], now_ms // _DAY_MS, 1)
        store = CandleStore(settings.clickhouse_url, settings.exchange_source, patience_s, progress.report)
        stack.push_async_callback(store.close)
        progress.tasks.extend(
            Task(symbol, closed_span(interval, from_ms, to_ms, now_ms)) for symbol in symbols for interval in intervals
        )
        work = Backfill(klines, store, progress)
        for task in progress.tasks:
            await work.fill(task)


def _limits_ms(options: argparse.Namespace, now_ms: int) -> tuple[int, int]:
    """From when to when, by the exchange's clock. Raises `UsageError`."""
    to_ms = now_ms if options.end is None else time_ms(options.end)
    from_ms = to_ms - options.days * _DAY_MS if options.start is None else time_ms(options.start)
    if from_ms < 0:
        raise UsageError("there are no candles before 1970")
    if from_ms >= now_ms:
        raise UsageError(f"{time_text(from_ms)} is in the future: there are no candles yet")
    if from_ms >= to_ms:
        raise UsageError(f"nothing lies between {time_text(from_ms)} and {time_text(to_ms)}")
    return from_ms, to_ms
