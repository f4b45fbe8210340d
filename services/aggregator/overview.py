"""The answer of `GET /coins`: the whole state in one document, with the age of every number."""

from collections.abc import Iterable
from typing import Any

import msgspec

from services.aggregator.followers import Followers, Holding
from services.aggregator.prices import LatestPrices, Quote
from services.aggregator.recorder import RecorderState
from services.aggregator.streams import StreamState
from services.aggregator.symbols import Directory
from services.market.decimals import shortest
from services.market.symbols import encode_listings

MAX_FOLLOWERS_SHOWN = 1_000


def coins_document(
    latest: LatestPrices,
    followers: Followers,
    tickers: StreamState,
    trades: StreamState,
    now_ms: int,
    now_s: float,
    events: RecorderState | None,
    tape: RecorderState | None = None,
) -> bytes:
    """The document as JSON. `now_ms` is the wall clock's, `now_s` that of the leases; `events` and `tape` may be
    absent."""
    shown = sorted(followers.holdings)[:MAX_FOLLOWERS_SHOWN]
    document: dict[str, Any] = {
        "source": latest.source,
        "streams": {
            tickers.name: _stream(tickers, None),
            trades.name: _stream(trades, sorted(followers.wanted)),
        },
        "followers": [_follower(number, followers.holdings[number], now_s) for number in shown],
        "followers_total": len(followers.holdings),
        "prices": _prices(latest.newest(), now_ms),
    }
    if events is not None:
        document["events"] = events._asdict()
    if tape is not None:
        document["tape"] = tape._asdict()
    return msgspec.json.encode(document)


def symbols_document(directory: Directory) -> bytes:
    """Every symbol that can be followed, as JSON. Raises SymbolsUnknownError."""
    return encode_listings(directory.listings())


def _stream(state: StreamState, symbols: list[str] | None) -> dict[str, Any]:
    silence_s = state.silence_s()
    return {
        "up": state.up,
        "batched": state.batched,
        "silence_s": None if silence_s is None else round(silence_s, 3),
        "symbols": symbols,
    }


def _follower(number: int, holding: Holding, now_s: float) -> dict[str, Any]:
    expires_in_s = None if holding.permanent else round(max(0.0, holding.expires_at_s - now_s), 3)
    return {"id": number, "symbols": sorted(holding.symbols), "expires_in_s": expires_in_s}


def _prices(quotes: Iterable[Quote], now_ms: int) -> dict[str, Any]:
    return {
        quote.symbol: {
            "p": msgspec.Raw(shortest(quote.tick.price).encode()),
            "t": quote.tick.event_ms,
            "age_ms": now_ms - quote.tick.event_ms,
        }
        for quote in quotes
    }
