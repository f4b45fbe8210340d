"""Errors of the service, each with its gRPC status and a stable slug. `interceptor` turns them into answers."""

from typing import ClassVar

from grpc import StatusCode


class AuthError(Exception):
    """A failure that the caller may hear about. The message is a sentence that a person can act on."""

    status: ClassVar[StatusCode]
    slug: ClassVar[str]
    sentence: ClassVar[str]

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)


class InvalidNameError(AuthError):
    status = StatusCode.INVALID_ARGUMENT
    slug = "invalid_name"
    sentence = "a name has 1 to 64 printable characters, with no blank at either end"


class PasswordTooShortError(AuthError):
    status = StatusCode.INVALID_ARGUMENT
    slug = "password_too_short"
    sentence = "a password has at least 8 characters"


class PasswordTooLongError(AuthError):
    status = StatusCode.INVALID_ARGUMENT
    slug = "password_too_long"
    sentence = "a password has at most 72 bytes in UTF-8"


class InvalidPasswordError(AuthError):
    status = StatusCode.INVALID_ARGUMENT
    slug = "invalid_password"
    sentence = "a password must not hold the character NUL"


class NameTakenError(AuthError):
    status = StatusCode.ALREADY_EXISTS
    slug = "name_taken"
    sentence = "this name is taken"


class WrongCredentialsError(AuthError):
    """One error for an unknown name and a wrong password, so that it does not reveal which names exist."""

    status = StatusCode.UNAUTHENTICATED
    slug = "wrong_credentials"
    sentence = "the name or the password is wrong"


class InvalidRefreshTokenError(AuthError):
    """One error for everything that can be wrong with a refresh token."""

    status = StatusCode.UNAUTHENTICATED
    slug = "invalid_refresh_token"
    sentence = "the session is over; log in again"


class InvalidAccessTokenError(AuthError):
    status = StatusCode.UNAUTHENTICATED
    slug = "invalid_access_token"
    sentence = "log in first"


class ExpiredAccessTokenError(InvalidAccessTokenError):
    slug = "access_token_expired"
    sentence = "the access token has expired; refresh it"


class SessionNotFoundError(AuthError):
    status = StatusCode.NOT_FOUND
    slug = "session_not_found"
    sentence = "you have no such session"


class RetryLaterError(AuthError):
    """A limit is reached; `retry_after_s` is when a further attempt makes sense."""

    status = StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class TooManyAttemptsError(RetryLaterError):
    slug = "too_many_attempts"
    sentence = "too many attempts; wait a little"


class BusyError(RetryLaterError):
    slug = "busy"
    sentence = "too many people are logging in right now; try again in a moment"


class UnavailableError(AuthError):
    """The database or Redis does not answer, or not in time. Every call may be repeated."""

    status = StatusCode.UNAVAILABLE
    slug = "unavailable"
    sentence = "the service cannot answer right now; try again soon"


class StoreRefusesError(UnavailableError):
    """A store answers, and refuses to store: its disk or memory is full, or it can only be read."""

    slug = "store_refuses"
    sentence = "the server cannot store anything right now, perhaps because its disk is full; try again later"
