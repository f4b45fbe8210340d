"""Answers of the market API, for validation and for the OpenAPI documents. They are written by dashboard."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from services.common.error_answers import ErrorAnswer
from services.market.fill import FillState

Interval = Literal["1s", "1m", "1h", "1d"]

ExactNumber = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""A JSON number, decimal-exact."""
TimeMs = Annotated[int, Field(examples=[1767225600123])]


class UnknownSymbolAnswer(ErrorAnswer):
    near: list[str] = Field(default=[], examples=[["btcusdt"]], description="Symbols that look like it, best first.")


class Price(BaseModel):
    symbol: str = Field(examples=["btcusdt"])
    price: ExactNumber = Field(examples=[68123.45])
    event_time: TimeMs = Field(description="When the exchange had this price, ms.")
    age_ms: int = Field(examples=[412], description="`time` minus `event_time`; 0 where that is negative.")
    open_24h: ExactNumber | None = Field(examples=[67000])
    high_24h: ExactNumber | None = Field(examples=[68500])
    low_24h: ExactNumber | None = Field(examples=[66800.01])
    volume_24h: ExactNumber | None = Field(examples=[12345.678], description="In the base asset.")
    quote_volume_24h: ExactNumber | None = Field(examples=[834567890.12], description="In the quote asset.")
    change_24h: ExactNumber | None = Field(examples=[1123.45], description="`price` minus `open_24h`, exact.")
    change_percent_24h: ExactNumber | None = Field(examples=[1.67679104], description="To 8 places, half to even.")
    base: str = Field(examples=["BTC"], description="As the exchange lists it; empty if it lists no such symbol.")
    quote: str = Field(examples=["USDT"])
    status: str = Field(examples=["TRADING"], description="As in symbols.")


class Prices(BaseModel):
    """All numbers are exact decimals. Figures that are not known yet are null."""

    source: str = Field(examples=["binance"], description="Where all of these prices come from.")
    time: TimeMs = Field(description="When the prices were read, ms.")
    prices: list[Price]
    unknown: dict[str, list[str]] = Field(
        examples=[{"btcusdx": ["btcusdt"]}],
        description="Asked for and not known, with near matches (for the first 20).",
    )
    next: str | None = Field(examples=[None], description="`after` of the following page; null on the last.")


class Movers(BaseModel):
    source: str = Field(examples=["binance"])
    time: TimeMs
    movers: list[Price]


class ListedSymbol(BaseModel):
    symbol: str = Field(examples=["btcusdt"])
    base: str = Field(examples=["BTC"], description="Empty if the exchange does not publish it.")
    quote: str = Field(examples=["USDT"])
    status: str = Field(
        examples=["TRADING"],
        description="The exchange's own word; `DELISTED` if it listed the symbol once and lists it no more.",
    )


class ListedSymbols(BaseModel):
    symbols: list[ListedSymbol]
    next: str | None = Field(examples=[None], description="`after` of the following page; null on the last.")


class Candle(BaseModel):
    t: TimeMs = Field(description="Start, ms.")
    o: ExactNumber = Field(examples=[68100])
    h: ExactNumber = Field(examples=[68200.5])
    l: ExactNumber = Field(examples=[68050])  # noqa: E741 - the contract's key
    c: ExactNumber = Field(examples=[68123.45])
    v: ExactNumber | None = Field(examples=[12.5], description="Base volume of this interval, where back-filled.")
    q: ExactNumber | None = Field(
        examples=[851543.125], description="Quote volume of this interval, where back-filled."
    )
    v24: ExactNumber | None = Field(examples=[12345.678], description="Rolling 24 h base volume at the last event.")
    q24: ExactNumber | None = Field(examples=[834567890.12], description="Rolling 24 h quote volume at the last event.")
    n: int | None = Field(examples=[1234], description="Trades of this interval, where back-filled.")
    vwap: ExactNumber | None = Field(
        examples=[68123.45],
        description="Volume-weighted average price: `q` / `v`, cut off after 18 places; null where unknown.",
    )


class History(BaseModel):
    symbol: str = Field(examples=["btcusdt"])
    interval: Interval
    source: str = Field(examples=["binance"])
    candles: list[Candle] = Field(description="Ascending in `t`; the newest may still be forming.")
    next: int | None = Field(examples=[1767225660000], description="`from` of the following page.")
    previous: int | None = Field(examples=[None], description="`to` of the page before.")


class Trade(BaseModel):
    id: int = Field(examples=[26129], description="Contiguous for each symbol.")
    t: TimeMs = Field(description="When it was made, ms.")
    p: ExactNumber = Field(examples=[68123.45])
    q: ExactNumber = Field(examples=[0.0125])
    m: bool = Field(description="Whether the buyer was the maker.")
    f: int = Field(examples=[27781], description="The first single trade in it.")
    l: int = Field(examples=[27783], description="The last one.")  # noqa: E741 - the contract's key


class Trades(BaseModel):
    symbol: str = Field(examples=["btcusdt"])
    source: str = Field(examples=["binance"])
    trades: list[Trade] = Field(description="Aggregate trades that were recorded, ascending in `id`.")
    next: int | None = Field(examples=[26629], description="`from_id` of the following page.")
    previous: int | None = Field(examples=[None], description="`to_id` of the page before.")


class CoverageHour(BaseModel):
    t: TimeMs = Field(description="Start of the hour, ms.")
    first: int = Field(examples=[26129], description="The first id that is there.")
    last: int = Field(examples=[38211], description="The last one.")
    present: int = Field(description="Trades that came when they were made.")
    filled: int = Field(description="Trades that were fetched later.")
    missing: int = Field(description="Ids that are not there, up to the last one; also those right before the hour.")
    reason: str | None = Field(
        examples=["exchange_lacks"],
        description="Why, separated by commas: `pending` (to be fetched), `too_long`, `exchange_lacks`.",
    )


class Coverage(BaseModel):
    symbol: str = Field(examples=["btcusdt"])
    source: str = Field(examples=["binance"])
    from_: TimeMs = Field(alias="from", description="Start of the range, ms.")
    to: TimeMs = Field(description="Its end, exclusive, ms.")
    present: int = Field(description="The sums of the hours.")
    filled: int
    missing: int
    hours: list[CoverageHour] = Field(description="Ascending; only those in which trades were recorded.")


Close = Annotated[
    list[ExactNumber],
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "number"},
            "description": "Start of the hour in ms, and its last price; of the first hour, the price 24 h ago.",
            "examples": [[1767225600000, 68123.45]],
        }
    ),
]


CandleClose = Annotated[
    list[ExactNumber],
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "number"},
            "description": "Start of the candle in ms, and its last price.",
            "examples": [[1767225600000, 68123.45]],
        }
    ),
]


class Closes(BaseModel):
    interval: Interval
    source: str = Field(examples=["binance"])
    from_: TimeMs = Field(alias="from", description="Start of the range, ms.")
    to: TimeMs = Field(description="Its end, exclusive, ms.")
    closes: dict[str, list[CandleClose]] = Field(
        examples=[{"btcusdt": [[1767225600000, 68123.45]]}],
        description="Ascending, and before the range the last close that there is: it may be of a longer candle.",
    )
    unknown: dict[str, list[str]] = Field(examples=[{}], description="As in prices.")


class Sparklines(BaseModel):
    source: str = Field(examples=["binance"])
    interval: Literal["1h"] = "1h"
    sparklines: dict[str, list[Close]] = Field(examples=[{"btcusdt": [[1767225600000, 68123.45]]}])
    unknown: dict[str, list[str]] = Field(examples=[{}], description="As in prices.")


class Fill(BaseModel):
    state: FillState = Field(description="`waiting`: something is in the way, which `detail` names.")
    symbols_total: int = Field(examples=[12], description="Followed symbols whose history is filled or being filled.")
    symbols_done: int = Field(examples=[3], description="Those whose history is as far as the exchange has it.")
    current: str | None = Field(examples=["btcusdt"], description="One of `symbols`, if it is being filled now.")
    detail: str = Field(examples=["Filling the history of 9 symbols."], description="A sentence, or empty.")
    pending: dict[str, int] = Field(
        examples=[{"btcusdt": 7}],
        description="Of `symbols` those that are not done, with the steps of work that each has left.",
    )


HISTORY_FORMATS = {
    "text/csv": {"schema": {"type": "string"}},
    "application/vnd.apache.arrow.stream": {"schema": {"type": "string", "format": "binary"}},
    "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
}
HISTORY_ANSWER = {
    "description": "The candles. CSV, Arrow and Parquet have the columns time, open, high, low, close, volume, "
    "quote_volume, volume_24h, quote_volume_24h, trades, vwap, and are paged by the headers.",
    "content": HISTORY_FORMATS,
    "headers": {
        "X-Next": {"description": "`from` of the following page.", "schema": {"type": "integer"}},
        "X-Previous": {"description": "`to` of the page before.", "schema": {"type": "integer"}},
    },
}
TRADES_ANSWER = {
    "description": "The trades. CSV, Arrow and Parquet have the columns time, trade_id, price, quantity, "
    "buyer_is_maker, first_id, last_id, event_time, receive_time, and are paged by the headers.",
    "content": HISTORY_FORMATS,
    "headers": {
        "X-Next": {"description": "`from_id` of the following page.", "schema": {"type": "integer"}},
        "X-Previous": {"description": "`to_id` of the page before.", "schema": {"type": "integer"}},
    },
}
