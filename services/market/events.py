"""Market events as services hold them. Prices stay the decimal text that the exchange wrote: exact and cheap.

The short names are those of the wire, which the contract of Kafka took over from Binance:
https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

from typing import Annotated

import msgspec
from msgspec import Meta, field

from services.market.decimals import PLAIN_DECIMAL

TradeId = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Amount = Annotated[str, Meta(pattern=rf"^{PLAIN_DECIMAL}\Z")]
"""What fits a Decimal(38, 18), in plain notation."""
EventMs = Annotated[int, Meta(ge=1, le=2**53 - 1)]


class AggTrade(msgspec.Struct, frozen=True, gc=False):
    """One aggregate trade: event time in ms, the exchange's symbol, the contiguous id, the price as text."""

    event_ms: EventMs = field(name="E")
    symbol: str = field(name="s")
    trade_id: TradeId = field(name="a")
    price: str = field(name="p")


class MiniTicker(msgspec.Struct, frozen=True, gc=False):
    """A symbol's last price and rolling 24 h figures at `event_ms`; every decimal is the exchange's own text."""

    event_ms: EventMs = field(name="E")
    symbol: str = field(name="s")
    close: str = field(name="c")
    open: str = field(name="o")
    high: str = field(name="h")
    low: str = field(name="l")
    base_volume: str = field(name="v")
    quote_volume: str = field(name="q")


class Kline(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A candle as the exchange has it, from its own trades. Times in ms."""

    open_ms: int
    open: Amount
    high: Amount
    low: Amount
    close: Amount
    volume: Amount
    close_ms: int
    quote_volume: Amount
    trades: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
