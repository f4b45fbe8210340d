"""The bytes of JSON answers, as docs/contracts.md spells them. No I/O.

Prices go from Redis' digits to the answer's; ages are as of the snapshot's time, so one snapshot has one document.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec
from msgspec.structs import asdict

from services.dashboard.market import Quote, Snapshot
from services.market.fill import FillProgress
from services.market.symbols import Listing


def prices_document(
    snapshot: Snapshot, quotes: Iterable[Quote], unknown: Mapping[str, list[str]], following: str | None
) -> bytes:
    rest = f',"unknown":{_json(unknown)},"next":{_json(following)}}}'
    return _quotes_document(snapshot, "prices", quotes) + rest.encode()


def movers_document(snapshot: Snapshot, quotes: Iterable[Quote]) -> bytes:
    return _quotes_document(snapshot, "movers", quotes) + b"}"


def symbols_document(listings: Iterable[Listing], following: str | None) -> bytes:
    return msgspec.json.encode({"symbols": list(listings), "next": following})


def fill_document(progress: FillProgress, named: Collection[str]) -> bytes:
    """Without what is the operator's alone: other symbols than the `named` ones, since what people hold is theirs."""
    public = asdict(progress)
    del public["reason"]
    public["pending"] = {symbol: steps for symbol, steps in progress.pending.items() if symbol in named}
    public["current"] = progress.current if progress.current in named else None
    return msgspec.json.encode(public)


def _quotes_document(snapshot: Snapshot, name: str, quotes: Iterable[Quote]) -> bytes:
    beginning = f'{{"source":{_json(snapshot.source)},"time":{snapshot.time_ms},"{name}":['
    return beginning.encode() + b",".join(_quote(snapshot, quote) for quote in quotes) + b"]"


def _quote(snapshot: Snapshot, quote: Quote) -> bytes:
    """An event of the future, by a clock that differs from ours, is of age 0."""
    age_ms = max(0, snapshot.time_ms - quote.event_ms)
    return b"%b%d%b%b}" % (quote.head, age_ms, quote.tail, snapshot.directory.facts(quote.symbol))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
