"""The bodies of requests and answers, as the REST contract spells them, with examples for the OpenAPI document."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, WithJsonSchema

from services.common.errors import InvalidError
from services.market.symbols import MAX_SYMBOL_LENGTH
from services.market_api.answers import ExactNumber
from services.profile.portfolio.rules import parse_quantity, parse_symbol

ACCESS_EXAMPLE = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOjF9.c2lnbmF0dXJl"
REFRESH_EXAMPLE = "q2mT1Xw0lB8nYcZbV5s7"


def _storable(text: str) -> str:
    """PostgreSQL holds no NUL; UTF-8, and so gRPC, no surrogate. JSON can spell both."""
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise InvalidError("invalid_request", "Text cannot hold the character NUL or half a surrogate pair.")
    return text


Text = Annotated[str, AfterValidator(_storable)]

Symbol = Annotated[
    str,
    AfterValidator(parse_symbol),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_SYMBOL_LENGTH, "pattern": r"^[\w.-]+$"}),
]
Quantity = Annotated[
    Decimal,
    PlainValidator(parse_quantity),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}],
            "description": "Exact: greater than 0, at most 20 digits before the decimal point and 18 after it. "
            "A JSON number is read as decimal text, never as a binary float; decimal text in a string is fine too.",
        }
    ),
]
Currency = Annotated[Text, StringConstraints(min_length=1, max_length=MAX_SYMBOL_LENGTH)]


class Credentials(BaseModel):
    name: Text = Field(examples=["myuser"], description="1 to 64 printable characters; case makes no difference.")
    password: Text = Field(repr=False, examples=["correct horse"], description="8 characters to 72 bytes.")


class CoinBody(BaseModel):
    symbol: Symbol = Field(examples=["btcusdt"], description="In any case.")
    quantity: Quantity = Field(examples=[1.5])


class SymbolBody(BaseModel):
    symbol: Symbol = Field(examples=["btcusdt"], description="In any case.")


class Answer(BaseModel):
    """An answer whose keys are spelled by alias."""

    model_config = ConfigDict(populate_by_name=True)


class Message(Answer):
    message: str


class TokenPair(Answer):
    access: str = Field(examples=[ACCESS_EXAMPLE])
    refresh: str = Field(examples=[REFRESH_EXAMPLE], description="Empty to browsers, which have it in a cookie.")


AccessToken = Annotated[str, Field(examples=[ACCESS_EXAMPLE])]
ExpiresIn = Annotated[int, Field(examples=[900], description="Seconds until the access token expires.")]


class LoginAnswer(Answer):
    message: Literal["Login successful 👅🍭"] = "Login successful 👅🍭"
    tokens: TokenPair = Field(alias="🌐 Here is your tokens")
    access_token: AccessToken
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a word of OAuth's, no secret
    expires_in: ExpiresIn
    persistent: bool | None = Field(
        default=None,
        examples=[True],
        description="To browsers: whether the login outlasts a reload of the page. It does not over plain HTTP, where "
        "browsers store no Secure cookie.",
    )


class RefreshAnswer(Answer):
    message: Literal["tokens succesfully refreshed ♻️🤍"] = "tokens succesfully refreshed ♻️🤍"
    tokens: TokenPair = Field(alias="tokens 💁")
    access_token: AccessToken
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: ExpiresIn


class SessionView(Answer):
    id: str
    created_at_ms: int = Field(examples=[1767225600123])
    last_used_at_ms: int = Field(examples=[1767225600123])
    expires_at_ms: int = Field(examples=[1769817600123])
    client_address: str = Field(examples=["203.0.113.7"])
    user_agent: str = Field(examples=["curl/8.5.0"])
    current: bool = Field(description="Whether this request came from this session.")


class Sessions(Answer):
    sessions: list[SessionView]


class CoinView(Answer):
    id: int = Field(alias="ID", examples=[1])
    symbol: str = Field(alias="Symbol", examples=["btcusdt"])
    quantity: ExactNumber = Field(alias="Quantity", examples=[1.5])
    user_id: int = Field(alias="UserID", examples=[1])


class Coins(Answer):
    coins: list[CoinView] = Field(alias="there are your coins")


class AggregatorMessage(Answer):
    status: str = Field(examples=["started"])
    symbol: str = Field(examples=["btcusdt"])


class CoinAdded(Answer):
    message: Literal["coin has successfully added"] = "coin has successfully added"
    aggregator: AggregatorMessage = Field(alias="aggregator message")


class UserSettings(BaseModel):
    currency: Currency = Field(
        examples=["EUR"], description="The asset in which the portfolio is valued. In any case; answered in upper case."
    )


class Holdings(Answer):
    quantities: dict[str, ExactNumber] = Field(alias="Quantities", examples=[{"btcusdt": 1.5}])
    prices: dict[str, ExactNumber] = Field(
        alias="Prices",
        examples=[{"btcusdt": 68123.45}],
        description="In the pair's own quote; of an asset that is held by itself, in `Currency`.",
    )
    totals: dict[str, ExactNumber] = Field(
        alias="Totals", examples=[{"btcusdt": 102185.175}], description="Quantity × price."
    )
    values: dict[str, ExactNumber] = Field(
        alias="Values",
        default_factory=dict,
        examples=[{"btcusdt": 102185.175}],
        description="In `Currency`; `Total` is their sum. With `detail=full`.",
    )
    times: dict[str, int | None] = Field(
        alias="Times",
        default_factory=dict,
        examples=[{"btcusdt": 1767225600123}],
        description="ms; the event time of each price. With `detail=full`.",
    )


class PathLeg(Answer):
    """One pair of a path: its price multiplies, or divides if the pair is used backwards."""

    symbol: str = Field(alias="Symbol", examples=["eurusdt"])
    backwards: bool = Field(alias="Backwards", examples=[True])


class ProfileDocument(Answer):
    """All numbers are exact decimals. `Prices` and `Totals` hold the coins whose price is known."""

    id: int = Field(alias="ID", examples=[1])
    name: str = Field(alias="Name", examples=["myuser"])
    coins: Holdings = Field(alias="Coins")
    total: ExactNumber = Field(alias="Total", examples=[102185.175], description="In `Currency`.")
    updated_at: int | None = Field(
        alias="UpdatedAt", examples=[1767225600123], description="ms; the newest price event."
    )
    source: str | None = Field(alias="Source", examples=["binance"], description="Where the prices come from.")
    currency: str = Field(alias="Currency", examples=["USDT"])
    unvalued: list[str] = Field(
        alias="Unvalued", examples=[[]], description="The coins that are not in `Total`: without a price, or a rate."
    )
    rates_at: int | None = Field(
        alias="RatesAt",
        default_factory=lambda: None,
        examples=[1767225600123],
        description="ms; the event time of the oldest price that converts a coin into `Currency`. With `detail=full`.",
    )
    paths: dict[str, list[PathLeg]] = Field(
        alias="Paths",
        default_factory=dict,
        examples=[{"USDT": [{"Symbol": "eurusdt", "Backwards": True}]}],
        description="The pairs that convert what coins are priced in into `Currency`, by asset, in their order. With "
        "`detail=full`.",
    )


class Ticket(Answer):
    ticket: str
    expires_in: Literal[30] = Field(description="Seconds.")
    subprotocol: str = Field(
        examples=["ticket.q2mT1Xw0lB8nYcZbV5s7"],
        description='`new WebSocket(url, ["crypto-service.v1", subprotocol])`: offer both, the first is selected.',
    )
