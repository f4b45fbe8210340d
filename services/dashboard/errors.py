"""What a request can fail with. `answers` turns each into `{"error": <sentence>, "code": <slug>}`.

The sentence is for a person and says what to do; the code is stable and for programs. Neither ever holds the text of
an exception, of SQL or of another service.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class MarketError(Exception):
    """A request that ends in an error answer with this class's status and slug."""

    status: ClassVar[int]
    code: ClassVar[str]

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.extra: Mapping[str, object] = {}
        self.headers: Mapping[str, str] = {}


class UnknownSymbolError(MarketError):
    """Nobody has heard of such a symbol. `near` are symbols that there are, best first."""

    status = 404
    code = "unknown_symbol"

    def __init__(self, near: Sequence[str]) -> None:
        question = f" Did you mean {' or '.join(near)}?" if near else ""
        super().__init__(f"There is no such symbol.{question}")
        self.extra = {"near": list(near)}


class InvalidRequestError(MarketError):
    """Readable, and not acceptable."""

    status = 422
    code = "invalid_request"


class TooManyRequestsError(MarketError):
    """This client has asked as often as it may."""

    status = 429
    code = "too_many_requests"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many requests from your address. Try again in {retry_after_s} s.")
        self.headers = {"Retry-After": str(retry_after_s)}


class PricesUnavailableError(MarketError):
    """Redis does not answer, or nobody has told it any price."""

    status = 503
    code = "prices_unavailable"

    def __init__(self) -> None:
        super().__init__("Prices cannot be read now. Try again in a few seconds.")
        self.headers = {"Retry-After": "1"}


class HistoryUnavailableError(MarketError):
    """ClickHouse does not answer in time, or is not there at all."""

    status = 503
    code = "history_unavailable"

    def __init__(self, sentence: str = "History cannot be read now. Try again in a few seconds.") -> None:
        super().__init__(sentence)
        self.headers = {"Retry-After": "2"}


class HistoryBusyError(MarketError):
    """As many history requests as we take wait already."""

    status = 503
    code = "history_busy"

    def __init__(self) -> None:
        super().__init__("Too many people ask for history at this moment. Try again in a second.")
        self.headers = {"Retry-After": "1"}
