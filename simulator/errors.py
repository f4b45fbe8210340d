"""The simulator's own errors, each with its answer to the caller."""


class RequestError(Exception):
    """A request that cannot be served: HTTP `status`, Binance's error `code` and `message`."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class InvalidSymbolError(RequestError):
    def __init__(self) -> None:
        super().__init__(-1121, "Invalid symbol.")
