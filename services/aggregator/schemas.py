"""The shapes of HTTP requests and answers, for validation and for the OpenAPI document."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.aggregator.followers import MAX_FOLLOWER_ID, MAX_SYMBOLS_PER_FOLLOWER
from services.market_api.answers import ListedSymbol
from services.market_api.parameters import SymbolText

FollowerId = Annotated[int, Field(ge=1, le=MAX_FOLLOWER_ID)]


class FollowerSymbols(BaseModel):
    """The whole set of one follower. Symbols are taken in any case."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"symbols": ["btcusdt", "ethusdt"]}]})

    symbols: list[SymbolText] = Field(max_length=MAX_SYMBOLS_PER_FOLLOWER)


class FollowAnswer(BaseModel):
    status: str = Field(examples=["started"])
    symbol: str = Field(examples=["btcusdt"])


class LeaseAnswer(BaseModel):
    id: int
    symbols: list[str]
    unknown: dict[str, list[str]] = Field(description="Skipped symbols, each with near matches (for the first 20)")
    expires_in_s: int = Field(examples=[15])


class SymbolsAnswer(BaseModel):
    symbols: list[ListedSymbol]


class StreamAnswer(BaseModel):
    up: bool
    batched: bool = Field(description="False while socket's peer sends one frame a message")
    silence_s: float | None = Field(description="Since the last message; null before the first")
    symbols: list[str] | None = Field(default=None, description="The followed symbols; null: all of the market")


class FollowerAnswer(BaseModel):
    id: int
    symbols: list[str]
    expires_in_s: float | None = Field(description="null: until taken back")


class PriceAnswer(BaseModel):
    p: float = Field(description="Decimal-exact JSON number", examples=[68123.45])
    t: int = Field(description="Event time, ms", examples=[1767225600123])
    age_ms: int


class EventsAnswer(BaseModel):
    """Mini-tickers, or trades, on their way to Kafka."""

    connected: bool
    waiting: int = Field(description="Not yet confirmed by Kafka")
    waiting_bytes: int
    oldest_age_s: float | None = Field(description="Since the oldest of them arrived; null when none waits")
    produced: int = Field(description="Confirmed by Kafka since the start")
    lost: int = Field(description="Dropped since the start, because too many were waiting")


class CoinsAnswer(BaseModel):
    source: str | None = Field(examples=["binance"], description="null before the first stream is open")
    streams: dict[str, StreamAnswer]
    followers: list[FollowerAnswer] = Field(description="The first 1,000, by id")
    followers_total: int
    prices: dict[str, PriceAnswer]
    events: EventsAnswer | None = Field(default=None, description="Mini-tickers; absent where nothing goes to Kafka")
    tape: EventsAnswer | None = Field(default=None, description="The same for trades")
