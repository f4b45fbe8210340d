"""Errors that a request can fail with. `answers` turns each into `{"error": <sentence>, "code": <slug>}`.

The sentence is for a person and states what to do; the code is stable and for programs. Neither ever holds the text of
an exception, of SQL or of another service.
"""

from collections.abc import Mapping
from typing import ClassVar

STORE_RETRY_AFTER_S = 30
"""Until a person has made room, no attempt succeeds; after that, the first one does."""


class ApiError(Exception):
    """A request that ends in an error answer with this class's status. `extra` joins the answer's keys."""

    status: ClassVar[int]

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.extra = extra or {}
        self.headers = headers or {}


class MalformedError(ApiError):
    """The request cannot be read at all."""

    status = 400


class UnauthenticatedError(ApiError):
    """No valid credentials, or those of a deleted user. Carries the challenge that RFC 9110 section 11.6.1 requires."""

    status = 401

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code, sentence, headers={"WWW-Authenticate": "Bearer"})


class ForbiddenError(ApiError):
    status = 403


class NotFoundError(ApiError):
    status = 404


class BodyTimeoutError(ApiError):
    status = 408


class ConflictError(ApiError):
    status = 409


class TooLargeError(ApiError):
    status = 413


class MediaTypeError(ApiError):
    status = 415


class InvalidError(ApiError):
    """Readable, and not acceptable."""

    status = 422


class UpgradeRequiredError(ApiError):
    status = 426


class TooManyError(ApiError):
    status = 429

    def __init__(self, code: str, sentence: str, retry_after_s: int) -> None:
        super().__init__(code, sentence, headers={"Retry-After": str(retry_after_s)})


class UnavailableError(ApiError):
    """A dependency of this request does not answer. The client should retry later."""

    status = 503


class StoreRefusesError(UnavailableError):
    """A store answers, and refuses to store: its disk or memory is full, or it can only be read."""

    def __init__(self) -> None:
        sentence = "The server cannot save anything right now; its disk may be full. Open sessions go on."
        super().__init__("store_refuses", sentence, headers={"Retry-After": str(STORE_RETRY_AFTER_S)})
