"""The shapes of requests and answers, for validation and for the OpenAPI document. Answers are written elsewhere."""

from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints, WithJsonSchema

from services.common.error_answers import ErrorAnswer
from services.common.settings import SourceName
from services.market.symbols import MAX_SYMBOL_LENGTH

MAX_PRICES = 5_000
MAX_NAMED = 500
"""Symbols in one request for prices."""
MAX_SPARKLINES = 200
MAX_CANDLES = 50_000
DEFAULT_MIN_VOLUME = Decimal(100_000)
"""Below, in USDT a day, a pair is thin: one trade moves its price by percents."""

Ranking = Literal["gainers", "losers", "volume"]
Interval = Literal["1s", "1m", "1h", "1d"]
HistoryFormat = Literal["json", "csv", "arrow", "parquet"]

Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""A JSON number, decimal-exact."""
TimeMs = Annotated[int, Field(examples=[1767225600123])]

SymbolText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SYMBOL_LENGTH)]
SymbolList = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAMED * (MAX_SYMBOL_LENGTH + 1))]
TimeText = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Asset = Annotated[str, StringConstraints(min_length=1, max_length=20)]


class UnknownSymbolAnswer(ErrorAnswer):
    near: list[str] = Field(default=[], description="Symbols that resemble the one asked for, best first.")


class Price(BaseModel):
    symbol: str = Field(examples=["btcusdt"])
    price: Number = Field(examples=[68123.45])
    event_time: TimeMs = Field(description="When the exchange had this price, ms.")
    age_ms: int = Field(examples=[412], description="`time` minus `event_time`; 0 where that is negative.")
    open_24h: Number | None = Field(examples=[67000])
    high_24h: Number | None = Field(examples=[68500])
    low_24h: Number | None = Field(examples=[66800.01])
    volume_24h: Number | None = Field(examples=[12345.678], description="In the base asset.")
    quote_volume_24h: Number | None = Field(examples=[834567890.12], description="In the quote asset.")
    change_24h: Number | None = Field(examples=[1123.45], description="`price` minus `open_24h`, exact.")
    change_percent_24h: Number | None = Field(examples=[1.67679104], description="To 8 places, half to even.")
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
    o: Number = Field(examples=[68100])
    h: Number = Field(examples=[68200.5])
    l: Number = Field(examples=[68050])  # noqa: E741 - the contract's key
    c: Number = Field(examples=[68123.45])
    v: Number | None = Field(examples=[12.5], description="Base volume of this interval, where back-filled.")
    q: Number | None = Field(examples=[851543.125], description="Quote volume of this interval, where back-filled.")
    v24: Number | None = Field(examples=[12345.678], description="Rolling 24 h base volume at the last event.")
    q24: Number | None = Field(examples=[834567890.12], description="Rolling 24 h quote volume at the last event.")


class History(BaseModel):
    symbol: str = Field(examples=["btcusdt"])
    interval: Interval
    source: str = Field(examples=["binance"])
    candles: list[Candle] = Field(description="Ascending in `t`; the newest may still be forming.")
    next: int | None = Field(examples=[1767225660000], description="`from` of the following page.")
    previous: int | None = Field(examples=[None], description="`to` of the page before.")


Close = Annotated[
    list[Number],
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
    list[Number],
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
        description="Ascending, and before the range the last close that there is: it may be of a daily candle.",
    )
    unknown: dict[str, list[str]] = Field(examples=[{}], description="As in prices.")


class Sparklines(BaseModel):
    source: str = Field(examples=["binance"])
    interval: Literal["1h"] = "1h"
    sparklines: dict[str, list[Close]] = Field(examples=[{"btcusdt": [[1767225600000, 68123.45]]}])
    unknown: dict[str, list[str]] = Field(examples=[{}], description="As in prices.")


SymbolsQuery = Annotated[
    SymbolList | None,
    Query(description=f"In any case, separated by commas, at most {MAX_NAMED}.", examples=["btcusdt"]),
]
PageLimit = Annotated[int, Query(ge=1, le=MAX_PRICES)]
After = Annotated[SymbolText | None, Query(description="`next` of the page before.")]
Search = Annotated[
    SymbolText | None,
    Query(description="Best matches first, and no pages. Symbols that are not traded are left out.", examples=["btc"]),
]
QuoteAsset = Annotated[Asset | None, Query(description="Only symbols priced in this asset.", examples=["usdt"])]
MinVolume = Annotated[
    Decimal,
    Query(
        ge=0,
        le=10**18,
        allow_inf_nan=False,
        description="Least 24 h volume in USDT, converted along the exchange's own pairs: one trade moves a thin pair.",
        examples=[100_000],
    ),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 10**18}),
]
MoversLimit = Annotated[int, Query(ge=1, le=200)]
SparklineSymbols = Annotated[
    SymbolList,
    Query(description=f"In any case, separated by commas, at most {MAX_SPARKLINES}.", examples=["btcusdt"]),
]
From = Annotated[
    TimeText | None, Query(alias="from", description="ms or ISO 8601; the first candles from there on are given.")
]
To = Annotated[TimeText | None, Query(description="ms or ISO 8601; exclusive. Default: now.")]
ClosesSymbols = SparklineSymbols
ClosesFrom = Annotated[TimeText, Query(alias="from", description="ms or ISO 8601: start of the range.")]
CandleLimit = Annotated[int, Query(ge=1, le=MAX_CANDLES)]
PinnedSource = Annotated[
    SourceName | None, Query(description="Default: the one that prices come from now.", examples=["binance"])
]

HISTORY_FORMATS = {
    "text/csv": {"schema": {"type": "string"}},
    "application/vnd.apache.arrow.stream": {"schema": {"type": "string", "format": "binary"}},
    "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
}
HISTORY_ANSWER = {
    "description": "The candles. CSV, Arrow and Parquet have the columns time, open, high, low, close, volume, "
    "quote_volume, volume_24h, quote_volume_24h, and are paged by the headers.",
    "content": HISTORY_FORMATS,
    "headers": {
        "X-Next": {"description": "`from` of the following page.", "schema": {"type": "integer"}},
        "X-Previous": {"description": "`to` of the page before.", "schema": {"type": "integer"}},
    },
}
