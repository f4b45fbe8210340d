"""Errors of this service's own. `services.common.errors` has the tree."""

from collections.abc import Sequence

from services.common.errors import ConflictError, InvalidError, NotFoundError, UnavailableError


class UnknownSymbolError(NotFoundError):
    """The exchange has no such symbol. `near` are symbols it does have, best first."""

    def __init__(self, near: Sequence[str]) -> None:
        super().__init__("unknown_symbol", "The exchange has no such symbol.", extra={"near": list(near)})


class DelistedError(ConflictError):
    """The exchange listed this symbol once, and lists it no more."""

    def __init__(self, symbol: str) -> None:
        super().__init__("delisted", f"{symbol} is no longer traded on the exchange.")


class NotTradingError(ConflictError):
    """The exchange lists this symbol and does not trade it now."""

    def __init__(self, symbol: str) -> None:
        super().__init__("not_trading", f"The exchange does not trade {symbol} at the moment.")


class SymbolsUnknownError(UnavailableError):
    """The exchange's symbols are not known yet, so no symbol can be checked."""

    def __init__(self) -> None:
        super().__init__("symbols_unknown", "The exchange's symbols are not known yet; try again in a few seconds.")


class TooManySymbolsError(InvalidError):
    """One follower asks for more symbols than one may hold."""

    def __init__(self, limit: int) -> None:
        super().__init__("too_many_symbols", f"A follower may follow at most {limit} symbols.")


class FollowersFullError(UnavailableError):
    """No room for another follower, or for more follows in all."""

    def __init__(self) -> None:
        super().__init__("followers_full", "There is no room for more followers now; try again later.")


class StoreUnavailableError(UnavailableError):
    """Redis did not answer in time. The request may or may not have been carried out: retry it."""

    def __init__(self) -> None:
        super().__init__("storage_unavailable", "The follow cannot be stored now; try again in a few seconds.")


class WriteRefusedError(StoreUnavailableError):
    """Redis answers and does not write: its disk or memory is full, or it is a replica."""
