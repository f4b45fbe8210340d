"""Exchanges by name: another one is a package beside `binance`, and one line here."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from services.exchanges.binance.exchange import Binance
from services.exchanges.exchange import Exchange

EXCHANGES: Mapping[str, Exchange] = {
    "binance": Binance(),
}
DEFAULT_EXCHANGE = "binance"


def _known(name: str) -> str:
    if name not in EXCHANGES:
        raise ValueError(f"it must be one of: {', '.join(EXCHANGES)}")
    return name


ExchangeName = Annotated[str, AfterValidator(_known)]
"""The protocol of what a service reads, as its setting `EXCHANGE` names it."""
