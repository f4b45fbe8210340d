"""Symbol syntax, and symbols as the exchange lists them."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache

import msgspec

MAX_SYMBOL_LENGTH = 40
SYMBOL_CHARACTERS = r"[\w.-]"
"""Letters and digits of any script: Binance lists symbols outside ASCII. A symbol is also a Redis channel: without a
colon it can never be one of ours."""

_SYMBOL = re.compile(rf"{SYMBOL_CHARACTERS}{{1,{MAX_SYMBOL_LENGTH}}}")


TRADING = "TRADING"
DELISTED = "DELISTED"
"""The status of a symbol that the exchange listed once and lists no more. All others are the exchange's own words."""


class Listing(msgspec.Struct, frozen=True):
    """One symbol as the exchange lists it; empty texts if it is only known from its prices."""

    symbol: str
    base: str = ""
    quote: str = ""
    status: str = ""

    @property
    def tradable(self) -> bool:
        """Whether it trades now, as far as is known."""
        return self.status in ("", TRADING)


class Listings(msgspec.Struct, frozen=True):
    """The document of all symbols: `market:symbols`, and the aggregator's `GET /symbols`."""

    symbols: list[Listing]


def normal_symbol(text: str) -> str | None:
    """`text` as services write it, in lower case; None if it cannot be a symbol."""
    return _normal_symbol(text) if len(text) <= MAX_SYMBOL_LENGTH else None  # what is remembered is short


def encode_listings(listings: Iterable[Listing]) -> bytes:
    return msgspec.json.encode(Listings(list(listings)))


def decode_listings(document: bytes) -> list[Listing]:
    """The listings that can be read and whose symbol is one. Raises ValueError or RecursionError for no document."""
    try:
        listings = _decode(document).symbols
    except msgspec.ValidationError:
        listings = list(_readable(_decode_raws(document).symbols))
    return [found for found in listings if normal_symbol(found.symbol) == found.symbol]


def _readable(entries: list[msgspec.Raw]) -> Iterator[Listing]:
    for entry in entries:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            yield _decode_one(entry)


@lru_cache(maxsize=32_768)
def _normal_symbol(text: str) -> str | None:
    symbol = text.lower()
    return symbol if _SYMBOL.fullmatch(symbol) else None


class _RawListings(msgspec.Struct):
    symbols: list[msgspec.Raw]


_decode = msgspec.json.Decoder(Listings).decode
_decode_raws = msgspec.json.Decoder(_RawListings).decode
_decode_one = msgspec.json.Decoder(Listing).decode
