"""Trades from the exchange's REST interface, as the messages that they would have been."""

import time
from dataclasses import dataclass

from services.backfill.errors import ExchangeError, RateLimitedError, UsageError
from services.backfill.klines import KlineSource
from services.exchanges.clock import MAX_OFFSET_MS
from services.exchanges.errors import RestError
from services.market import trade_msg
from services.market.kafka_msg import MalformedMessageError
from services.market.trade_msg import TradeMsg


@dataclass(slots=True)
class TradeSource:
    """Trades of the source `name`, within the limits of `rest`."""

    rest: KlineSource
    name: str

    async def page(self, symbol: str, first: int, last: int) -> list[TradeMsg]:
        """The exchange's trades from one id to another, as many as come at once, ascending; none of a symbol it lacks.

        A row that cannot be stored, or is of the future, is left out. Raises `ExchangeError`,
        `TemporarilyUnavailableError`. Safe to cancel.
        """
        exchange, listed = self.rest.exchange, symbol.lower()
        count = min(last - first + 1, exchange.limits.trades_per_page)
        try:
            rows = exchange.parse_trades(listed, await self.rest.get(exchange.trades_request(listed, first, count)))
        except UsageError:
            return []
        except RateLimitedError as error:
            self.rest.limit.block(error.retry_after_s)  # for all that asks by this address
            raise
        except RestError as error:
            raise ExchangeError(str(error)) from error
        now_ms = time.time_ns() // 1_000_000
        ending, latest_ms = trade_msg.ending(self.name, now_ms), now_ms + MAX_OFFSET_MS
        possible = (row for row in rows if first <= row.trade_id <= last and row.time_ms <= latest_ms)
        return [trade for row in possible if (trade := _read(row.data[:-1] + ending))]


def _read(value: bytes) -> TradeMsg | None:
    try:
        return trade_msg.decode(value)
    except MalformedMessageError:
        return None
