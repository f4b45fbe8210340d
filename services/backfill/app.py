"""The composition root of `serve`: what is opened, in what order, and what runs."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import structlog
from redis.exceptions import RedisError

from services.backfill.clickhouse import ClickHouse
from services.backfill.filler import Filler
from services.backfill.klines import KlineSource, open_http_client
from services.backfill.market import Market
from services.backfill.schedule import Schedule
from services.backfill.settings import FillSettings
from services.backfill.store import CandleStore
from services.backfill.tape_repair import TapeRepair
from services.backfill.tape_store import TapeStore
from services.backfill.trade_source import TradeSource
from services.common.lifecycle import Lifecycle
from services.common.redis import check_redis, open_redis
from services.exchanges.registry import EXCHANGES
from services.exchanges.weight import WeightLimit
from services.market.fill import FillProgress

log = structlog.get_logger()

LOOK_S = 1.0
TRADED_S = 60.0
"""How often volumes, by which the listed symbols are ordered, are looked at."""
REPUBLISH_S = 10.0


@asynccontextmanager
async def app(settings: FillSettings, life: Lifecycle) -> AsyncIterator[None]:
    """The running service. Leaving it cuts off what is being filled: the next process goes on from there."""
    async with AsyncExitStack() as stack:
        redis = open_redis(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        client = await stack.enter_async_context(open_http_client(settings.exchange_rest_url))
        exchange = EXCHANGES[settings.exchange]
        limit = WeightLimit(lambda text: log.info("fill.limit", text=text), exchange.limits.background_weight)
        # Nothing is waited for within a job: all workers must learn of it.
        klines = KlineSource(exchange, client, limit, 0.0, _ignore, max_retry_after_s=-1.0)
        store = CandleStore(settings.clickhouse_url, settings.exchange_source, 0.0, _ignore)
        stack.push_async_callback(store.close)

        tape = TapeStore(ClickHouse(settings.clickhouse_url), settings.exchange_source)
        stack.push_async_callback(tape.close)
        repair = TapeRepair(TradeSource(klines, settings.exchange_source), tape, settings.tape_check_s)

        schedule = Schedule(settings.fill_round_s)
        filler = Filler(klines, store, schedule, limit)
        watch = Watch(Market(redis), schedule, filler)
        # ClickHouse and the exchange are missing on purpose: what they keep from being filled, the progress names.
        life.health.add_check("redis", partial(check_redis, redis))
        for work, name in ((watch.run(), "watch"), (filler.run(), "filler"), (repair.run(), "tape")):
            await stack.enter_async_context(life.background(work, name))
        yield


def _ignore(_: str) -> None:
    """What is raised as well needs no report."""


@dataclass(slots=True)
class Watch:
    """Keeps the schedule up to date with Redis, and the progress in it."""

    market: Market
    schedule: Schedule
    filler: Filler
    _traded: list[str] = field(default_factory=list, init=False)
    _traded_at_s: float = field(default=-TRADED_S, init=False)
    _published: FillProgress | None = field(default=None, init=False)
    _published_at_s: float = field(default=0.0, init=False)
    _reached: bool = field(default=True, init=False)

    async def run(self) -> None:
        """Look every `LOOK_S`. Redis may come and go: until it is back, what was known last holds."""
        while True:
            try:
                await self.look(time.monotonic())
            except (RedisError, OSError, TimeoutError) as error:
                if self._reached:
                    log.warning("redis.lost", error=type(error).__name__)
                self._reached = False
            else:
                self._reached = True
            self.filler.wake()
            await asyncio.sleep(LOOK_S)

    async def look(self, now_s: float) -> None:
        """Take over what is wanted and traded at `now_s`, in monotonic time, and publish the progress if it is due."""
        wanted = await self.market.wanted()
        if not self._traded or now_s - self._traded_at_s >= TRADED_S:
            self._traded = await self.market.traded() or self._traded
            self._traded_at_s = now_s
        self.schedule.update(wanted, self._traded)
        progress = self._progress()
        if progress != self._published or now_s - self._published_at_s >= REPUBLISH_S:
            await self.market.publish(progress)
            self._published, self._published_at_s = progress, now_s

    def _progress(self) -> FillProgress:
        if not self._traded and not self.schedule.standing().wanted:
            return FillProgress("waiting", detail="The exchange's symbols are not known yet.")
        return self.filler.progress()
