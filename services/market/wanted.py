"""The document of the symbols that are followed now: `market:wanted`."""

from collections.abc import Iterable

import msgspec

from services.market.symbols import normal_symbol


class WantedSymbols(msgspec.Struct, frozen=True):
    symbols: list[str]


def encode_wanted(symbols: Iterable[str]) -> bytes:
    """In order, so that the same symbols are the same bytes."""
    return msgspec.json.encode(WantedSymbols(sorted(symbols)))


def decode_wanted(document: bytes) -> list[str]:
    """The symbols, without what cannot be one. Raises ValueError or RecursionError for no document."""
    return [symbol for symbol in _decode(document).symbols if normal_symbol(symbol) == symbol]


_decode = msgspec.json.Decoder(WantedSymbols).decode
