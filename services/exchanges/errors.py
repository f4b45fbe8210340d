"""Errors of the communication with an exchange."""


class ExchangeError(Exception):
    """Base class of this package's errors."""


class InvalidSymbolError(ExchangeError):
    """Not a string that could name a symbol."""


class FrameError(ExchangeError):
    """A frame from the exchange that cannot be used. It is counted and skipped."""


class MalformedFrameError(FrameError):
    """Not JSON, or not of the shape its event promises."""

    def __init__(self, message: str, kind: str = "frame", reason: str = "malformed") -> None:
        super().__init__(message)
        self.kind = kind
        self.reason = reason


class UnknownFrameError(FrameError):
    """Well-formed, and of a kind that was not subscribed."""


class ControlError(ExchangeError):
    """The exchange refused a control message, or did not acknowledge it in time."""


class RestError(ExchangeError):
    """The exchange's REST interface did not give a usable answer."""


class RateLimitedError(RestError):
    """The exchange has imposed a rate limit or a ban."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"the exchange asks to wait {retry_after_s:g} s")
        self.retry_after_s = retry_after_s
