"""Everything that can be refused, with the status and the stable slug that HTTP answers it with."""

from collections.abc import Sequence
from typing import ClassVar


class AggregatorError(Exception):
    """The root. Its text is a sentence that the caller can act on."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"


class UnknownSymbolError(AggregatorError):
    """The exchange has no such symbol. `near` are symbols it does have, best first."""

    status = 404
    code = "unknown_symbol"

    def __init__(self, near: Sequence[str]) -> None:
        super().__init__("The exchange has no such symbol.")
        self.near = list(near)


class DelistedError(AggregatorError):
    """The exchange listed this symbol once, and lists it no more."""

    status = 409
    code = "delisted"

    def __init__(self, symbol: str) -> None:
        super().__init__(f"{symbol} is no longer traded on the exchange.")


class NotTradingError(AggregatorError):
    """The exchange lists this symbol and does not trade it now."""

    status = 409
    code = "not_trading"

    def __init__(self, symbol: str) -> None:
        super().__init__(f"The exchange does not trade {symbol} at the moment.")


class SymbolsUnknownError(AggregatorError):
    """The exchange's symbols are not known yet, so nothing can be said about one."""

    status = 503
    code = "symbols_unknown"

    def __init__(self) -> None:
        super().__init__("The exchange's symbols are not known yet; try again in a few seconds.")


class TooManySymbolsError(AggregatorError):
    """One follower asks for more symbols than one may hold."""

    status = 422
    code = "too_many_symbols"

    def __init__(self, limit: int) -> None:
        super().__init__(f"A follower may follow at most {limit} symbols.")


class FollowersFullError(AggregatorError):
    """No room for another follower, or for more follows in all."""

    status = 503
    code = "followers_full"

    def __init__(self) -> None:
        super().__init__("There is no room for more followers now; try again later.")


class StoreUnavailableError(AggregatorError):
    """Redis did not answer in time. What was asked may or may not have been done: ask again."""

    status = 503
    code = "storage_unavailable"

    def __init__(self) -> None:
        super().__init__("The follow cannot be stored now; try again in a few seconds.")
