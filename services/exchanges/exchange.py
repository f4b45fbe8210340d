"""The interface of an exchange. Another one is a package that implements `Exchange`, and a line in `registry`.

Symbols are lower-case on our side of the interface (`btcusdt`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from services.market.events import AggTrade, Kline, MiniTicker


class TradeFrame(msgspec.Struct, frozen=True, gc=False):
    """One aggregated trade. `trade_id` is contiguous per symbol and `time_ms` (of the trade) never falls with it.

    `data` is the exchange's JSON object, byte for byte.
    """

    symbol: str
    trade_id: int
    time_ms: int
    data: bytes


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """The unusable part of a frame: its kind (`trade`, `ticker`, `frame`), how many entries, and why."""

    kind: str
    reason: str
    """A stable word: `malformed`, `time` (an event time that cannot be one in ms)."""
    example: str
    """One of them, for a person: the symbol where it can be read, and what is wrong."""
    count: int = 1


class TickerFrame(msgspec.Struct, frozen=True, gc=False):
    """One frame of the all-market mini-ticker: each symbol's event time, and the exchange's JSON array.

    `data` is byte for byte the exchange's, or, where entries were rejected, an array of all others, each as it came.
    """

    times_ms: dict[str, int]
    data: bytes
    rejected: Rejected | None = None


class Ack(msgspec.Struct, frozen=True, gc=False):
    """The answer to control message `message_id` (None if the exchange does not name it). `error` None is success."""

    message_id: int | None
    error: str | None


class ServerShutdown(msgspec.Struct, frozen=True, gc=False):
    """The exchange is about to end this connection."""


Event = TradeFrame | TickerFrame | Ack | ServerShutdown


@dataclass(frozen=True, slots=True)
class SymbolInfo:
    """One traded pair. `status` is the exchange's own word."""

    symbol: str
    base: str
    quote: str
    status: str


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A GET relative to the REST base URL, and what it costs of the exchange's request budget."""

    path: str
    params: dict[str, str]
    weight: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The exchange's limits, with room left for others behind the same address."""

    control_interval_s: float
    """Least time between two control messages on one connection."""
    control_max_bytes: int
    """Largest control message."""
    connects: int
    connects_period_s: float
    connects_at_once: int
    """How many of `connects` may be made one right after the other."""
    urgent_weight: int
    """How much of the request budget all of ours together may have used in a minute when what cannot wait is sent."""
    background_weight: int
    """The same for what can wait."""
    trades_per_page: int


class Exchange(Protocol):
    """One exchange's protocol: pure functions between its bytes and our values."""

    @property
    def limits(self) -> Limits: ...

    def normalize_symbol(self, text: str) -> str:
        """The lower-case symbol. Raises `InvalidSymbolError` for what cannot be one."""

    def stream_url(self, base_url: str) -> str:
        """Where to connect. The connection carries the all-market mini-ticker from the start, unasked."""

    def subscribe(self, message_id: int, symbols: Sequence[str]) -> bytes:
        """The control message that adds the trades of `symbols`."""

    def unsubscribe(self, message_id: int, symbols: Sequence[str]) -> bytes:
        """The control message that ends the trades of `symbols`."""

    def stream_bytes(self, symbol: str) -> int:
        """What one symbol adds to the size of a control message."""

    def parse(self, frame: bytes) -> Event:
        """The event in a frame. Raises `MalformedFrameError` or `UnknownFrameError`."""

    def symbols_request(self) -> RestRequest:
        """Asks for everything the exchange trades."""

    def parse_symbols(self, body: bytes) -> list[SymbolInfo]:
        """The answer to `symbols_request`. Raises `RestError`."""

    def trades_request(self, symbol: str, first_id: int, count: int) -> RestRequest:
        """Asks for up to `count` (≤ `trades_per_page`) trades from `first_id` on."""

    def parse_trades(self, symbol: str, body: bytes) -> list[TradeFrame]:
        """The answer to `trades_request`, ascending, as the stream would have sent it. Raises `RestError`."""

    def time_request(self) -> RestRequest:
        """Asks for the exchange's clock."""

    def parse_time(self, body: bytes) -> int:
        """The answer to `time_request`, in ms. Raises `RestError`."""

    def klines_request(self, symbol: str, interval: str, start_ms: int, count: int) -> RestRequest:
        """Asks for up to `count` candles of an interval (`1s`, `1m`, `1h`, `1d`) that begin at `start_ms` or later."""

    def parse_klines(self, body: bytes, reject: Callable[[bytes, str], None]) -> Sequence[Kline]:
        """The answer to `klines_request`, as it came; `reject` gets each row that cannot be read, and why.

        Raises `RestError`.
        """

    def is_unknown_symbol(self, body: bytes) -> bool:
        """Whether an answer with a client error means that the exchange does not know the symbol."""

    def refusal(self, body: bytes) -> str:
        """The exchange's own words in an answer with a client error; empty if there are none."""

    def used_weight(self, headers: Mapping[str, str]) -> int:
        """How much of the request budget this address has used in this minute, if an answer's headers hold it, or 0."""

    def decode_trade(self, frame: bytes) -> AggTrade:
        """The trade in `TradeFrame.data`. Raises ValueError or RecursionError."""

    def decode_tickers(self, frame: bytes, reject: Callable[[bytes, str], None]) -> list[MiniTicker]:
        """The tickers in `TickerFrame.data`; `reject` gets what cannot be read, and why."""
