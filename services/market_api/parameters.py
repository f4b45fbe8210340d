"""Parameters of the market API, as dashboard reads and profile describes them."""

from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Query
from pydantic import StringConstraints, WithJsonSchema

from services.common.settings import SourceName
from services.market.symbols import MAX_SYMBOL_LENGTH

MAX_PRICES = 5_000
MAX_NAMED = 500
"""Symbols in one request for prices."""
MAX_SPARKLINES = 200
MAX_CANDLES = 50_000
MAX_TRADES = 100_000
"""An hour of the liveliest symbol, and more."""
DEFAULT_MIN_VOLUME = Decimal(100_000)
"""Below, in USDT a day, a pair is thin: one trade moves its price by percents."""

Ranking = Literal["gainers", "losers", "volume"]
HistoryFormat = Literal["json", "csv", "arrow", "parquet"]

SymbolText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SYMBOL_LENGTH)]
SymbolList = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAMED * (MAX_SYMBOL_LENGTH + 1))]
Asset = Annotated[str, StringConstraints(min_length=1, max_length=20)]
TimeText = Annotated[str, StringConstraints(min_length=1, max_length=40)]

SymbolsQuery = Annotated[
    SymbolList | None,
    Query(description=f"In any case, separated by commas, at most {MAX_NAMED}.", examples=["btcusdt"]),
]
FillSymbols = Annotated[
    SymbolList | None,
    Query(description=f"Those to name in `pending`: at most {MAX_NAMED}. Default: none.", examples=["btcusdt"]),
]
PageLimit = Annotated[int, Query(ge=1, le=MAX_PRICES)]
After = Annotated[SymbolText | None, Query(description="`next` of the page before.")]
Search = Annotated[
    SymbolText | None,
    Query(description="Best matches first, and no pages. Symbols that are not traded are left out.", examples=["btc"]),
]
WithAssets = Annotated[
    bool,
    Query(
        description="With `search`: also the assets that can be held by themselves, as rows without a quote.",
        examples=[True],
    ),
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
TradeId = Annotated[int, Query(ge=0, le=2**63 - 1)]
FromId = Annotated[TradeId | None, Query(description="The first trades from this id on are given.", examples=[26129])]
ToId = Annotated[TradeId | None, Query(description="Exclusive.", examples=[26629])]
TradesFrom = Annotated[
    TimeText | None, Query(alias="from", description="ms or ISO 8601; the first trades from there on are given.")
]
CoverageFrom = Annotated[
    TimeText | None, Query(alias="from", description="ms or ISO 8601. Default: a week before `to`.")
]
OnlyMissing = Annotated[
    bool,
    Query(
        description="Name only the hours of which trades are missing. The sums are those of all hours.", examples=[True]
    ),
]
TradesLimit = Annotated[int, Query(ge=1, le=MAX_TRADES)]
PinnedSource = Annotated[
    SourceName | None, Query(description="Default: the one that prices come from now.", examples=["binance"])
]
