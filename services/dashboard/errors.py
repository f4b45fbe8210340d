"""Errors of this service's own. `services.common.errors` has the tree."""

from collections.abc import Sequence

from services.common.errors import InvalidError, NotFoundError, TooManyError, UnavailableError


class UnknownSymbolError(NotFoundError):
    """No such symbol is listed or has a price. `near` are symbols that there are, best first."""

    def __init__(self, near: Sequence[str]) -> None:
        question = f" Did you mean {' or '.join(near)}?" if near else ""
        super().__init__("unknown_symbol", f"There is no such symbol.{question}", extra={"near": list(near)})


class InvalidRequestError(InvalidError):
    """Readable, and not acceptable."""

    def __init__(self, sentence: str) -> None:
        super().__init__("invalid_request", sentence)


class TooManyRequestsError(TooManyError):
    """This client has sent as many requests as it may."""

    def __init__(self, retry_after_s: int) -> None:
        sentence = f"Too many requests from your address. Try again in {retry_after_s} s."
        super().__init__("too_many_requests", sentence, retry_after_s)


class PricesUnavailableError(UnavailableError):
    """Redis does not answer, or holds no price."""

    def __init__(self) -> None:
        sentence = "Prices cannot be read now. Try again in a few seconds."
        super().__init__("prices_unavailable", sentence, headers={"Retry-After": "1"})


class HistoryUnavailableError(UnavailableError):
    """ClickHouse does not answer in time, or is not there at all."""

    def __init__(self, sentence: str = "History cannot be read now. Try again in a few seconds.") -> None:
        super().__init__("history_unavailable", sentence, headers={"Retry-After": "2"})


class HistoryBusyError(UnavailableError):
    """As many history requests as may wait do so already."""

    def __init__(self) -> None:
        sentence = "Too many requests for history at this moment. Try again in a second."
        super().__init__("history_busy", sentence, headers={"Retry-After": "1"})
