"""Errors that end a back-fill early, each with a sentence for the operator."""


class BackfillError(Exception):
    """What has been written so far stays; the same command goes on from there.

    Its text is the operator's: it may name addresses and quote other servers. `sentence` is for anyone.
    """

    sentence = "Something is in the way; the log names it."


class UsageError(BackfillError):
    """The arguments are invalid."""


class ExchangeError(BackfillError):
    """The exchange refused, or its answer cannot be used."""

    sentence = "The exchange's answers cannot be used."


class AccessDeniedError(ExchangeError):
    """The exchange serves nothing to this address: by law (451), or by its firewall (403)."""

    sentence = "The exchange serves nothing to this server's address."


class StorageError(BackfillError):
    """ClickHouse refused."""

    sentence = "ClickHouse does not store it."


class TemporarilyUnavailableError(BackfillError):
    """No answer, or a temporary refusal. A retry may succeed."""

    sentence = "The exchange does not answer."


class StorageAwayError(TemporarilyUnavailableError):
    """The same of ClickHouse."""

    sentence = "ClickHouse does not answer."


class RateLimitedError(TemporarilyUnavailableError):
    """The exchange asks us to stay away for `retry_after_s`."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"the exchange asks us to stay away for {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s
        self.sentence = f"The exchange asks us to stay away for {retry_after_s:.0f} s."
