"""Client of the authorization service: gRPC in, plain values or `ApiError` out, each call within its deadline.

Its sentences are not passed on: the one that the user reads is chosen here by the stable slug in the
trailing `x-error-code`, and by the status where the slug is new to us.
"""

import re
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
import structlog
from google.protobuf.empty_pb2 import Empty
from grpc import aio

from proto import auth_pb2, auth_pb2_grpc
from services.common.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StoreRefusesError,
    TooManyError,
    UnauthenticatedError,
    UnavailableError,
)
from services.common.tokens import Login, Tokens
from services.profile import metrics

log = structlog.get_logger()

T = TypeVar("T")
Metadata = tuple[tuple[str, str], ...]

MAX_USER_AGENT_CHARACTERS = 200
NO_USER_ID = 0
"""Ids start at 1."""
DEFAULT_RETRY_AFTER_S = 10
MAX_RETRY_AFTER_S = 3600

_SENTENCES = {
    "invalid_name": "A name has 1 to 64 printable characters, with no blank at either end.",
    "password_too_short": "A password has at least 8 characters.",
    "password_too_long": "A password has at most 72 bytes (fewer characters, if some are not ASCII).",
    "invalid_password": "A password cannot hold the character NUL.",
    "name_taken": "This name is taken. Choose another.",
    "wrong_credentials": "The name or the password is wrong.",
    "invalid_refresh_token": "The session is over. Log in again.",
    "invalid_access_token": "The session is over. Log in again.",
    "session_not_found": "You have no such session.",
    "too_many_attempts": "Too many attempts. Wait a little, then try again.",
    "busy": "Too many people are logging in right now. Try again in a moment.",
}
"""Sentences for the user, by slug. `access_token_expired` is ours to see first (access.py)."""
_GO_ERRORS = {
    "hashedPassword is not the hash of the given password": (grpc.StatusCode.UNAUTHENTICATED, "wrong_credentials"),
    "passwords not equal": (grpc.StatusCode.UNAUTHENTICATED, "wrong_credentials"),
    "password length exceeds 72 bytes": (grpc.StatusCode.INVALID_ARGUMENT, "password_too_long"),
}
"""What the Go original calls INTERNAL though the person can mend it, by a part of its text (bcrypt's, mostly)."""
_GO_REFRESH_TOKEN = "$2"  # noqa: S105 - how its tokens begin: they are bcrypt hashes
_DEVICES = re.compile(r"[0-9A-Za-z_.-]{1,359}")
_PROOFS = ("Login", "Refresh", "Logout")
"""Calls in which a user proves an identity."""


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Who asks, for rate limits and the session list."""

    address: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser brings to a login: its device tokens, and the refresh token whose session the login replaces."""

    devices: str = ""
    refresh_token: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One login of a user. Times in ms since 1970."""

    id: str
    created_at_ms: int
    last_used_at_ms: int
    expires_at_ms: int
    client_address: str
    user_agent: str
    current: bool


NO_BROWSER = Browser()


class UnsupportedError(UnavailableError):
    """The peer lacks this call: it is the Go original."""

    def __init__(self) -> None:
        super().__init__("not_supported", "The authorization service in use cannot do this.")


class Authorization:
    """Calls by what they are for. All raise UnavailableError when no answer comes in time; others as described."""

    def __init__(self, channel: aio.Channel, timeout_s: float) -> None:
        self._stub = auth_pb2_grpc.AuthStub(channel)
        self._timeout_s = timeout_s

    async def register(self, name: str, password: str, client: ClientInfo) -> int | None:
        """Make an account; its user id (None if the peer sends none). InvalidError, ConflictError, TooManyError."""
        request = auth_pb2.AuthRequest(name=name, password=password)
        call = self._stub.Register(request, metadata=_client_metadata(client), timeout=self._timeout_s)
        await _answer("Register", call)
        for key, value in (*await call.initial_metadata(), *await call.trailing_metadata()):
            if key == "x-user-id" and isinstance(value, str) and value.isdecimal():
                return int(value)
        return None

    async def login(self, name: str, password: str, client: ClientInfo, browser: Browser = NO_BROWSER) -> Login:
        """Open a session. InvalidError, UnauthenticatedError, TooManyError."""
        request = auth_pb2.AuthRequest(name=name, password=password)
        metadata = (*_client_metadata(client), *_browser_metadata(browser))
        call = self._stub.Login(request, metadata=metadata, timeout=self._timeout_s)
        tokens = _tokens(await _answer("Login", call))
        return Login(tokens, await _devices(call))

    async def refresh(self, refresh_token: str, user_id: int | None, client: ClientInfo) -> Tokens:
        """Rotate the session's tokens. UnauthenticatedError; also when `user_id` is given and is not the owner."""
        if user_id is None and refresh_token.startswith(_GO_REFRESH_TOKEN):
            # The Go original would spend the token, for tokens of the user 0.
            raise UnauthenticatedError("invalid_refresh_token", _SENTENCES["invalid_refresh_token"])
        # The Go original does not survive a request without the id, so one that no user has stands for none.
        owner = (("x-user-id", str(user_id or NO_USER_ID)),)
        metadata: Metadata = (("x-refresh-token", refresh_token), *owner, *_client_metadata(client))
        call = self._stub.Refresh(Empty(), metadata=metadata, timeout=self._timeout_s)
        return _tokens(await _answer("Refresh", call))

    async def logout(self, refresh_token: str, access_token: str) -> None:
        """End the session. UnauthenticatedError."""
        metadata = (("x-refresh-token", refresh_token), *_bearer(access_token))
        await _answer("Logout", self._stub.Logout(Empty(), metadata=metadata, timeout=self._timeout_s))

    async def verify(self, access_token: str) -> str:
        """The name of the token's owner. UnauthenticatedError when session or account is gone; UnsupportedError."""
        call = self._stub.Verify(Empty(), metadata=_bearer(access_token), timeout=self._timeout_s)
        return (await _answer("Verify", call)).name

    async def delete_account(self, access_token: str) -> None:
        """Remove the account and its sessions; none there is success. UnauthenticatedError, UnsupportedError."""
        call = self._stub.DeleteAccount(Empty(), metadata=_bearer(access_token), timeout=self._timeout_s)
        try:
            await _answer("DeleteAccount", call)
        except NotFoundError:
            log.info("account.already_gone")

    async def sessions(self, access_token: str) -> list[Session]:
        """The caller's sessions. UnauthenticatedError, UnsupportedError."""
        call = self._stub.ListSessions(Empty(), metadata=_bearer(access_token), timeout=self._timeout_s)
        return [_session(found) for found in (await _answer("ListSessions", call)).sessions]

    async def revoke_session(self, access_token: str, session_id: str) -> None:
        """End one of the caller's sessions. NotFoundError, UnauthenticatedError, UnsupportedError."""
        request = auth_pb2.RevokeSessionRequest(session_id=session_id)
        call = self._stub.RevokeSession(request, metadata=_bearer(access_token), timeout=self._timeout_s)
        await _answer("RevokeSession", call)


async def _answer(rpc: str, call: Awaitable[T]) -> T:
    started = time.perf_counter()
    status = grpc.StatusCode.OK
    try:
        return await call
    except aio.AioRpcError as error:
        status = error.code()
        raise _translated(rpc, error) from error
    finally:
        metrics.AUTHORIZATION_SECONDS.labels(rpc, status.name).observe(time.perf_counter() - started)


def _translated(rpc: str, error: aio.AioRpcError) -> ApiError:
    trailing = dict(error.trailing_metadata() or ())
    slug = str(trailing.get("x-error-code", ""))

    def chosen(default_slug: str) -> tuple[str, str]:
        known = slug if slug in _SENTENCES else default_slug
        return known, _SENTENCES[known]

    code, go_slug = _meaning(rpc, error)
    slug = go_slug or slug
    match code:
        case grpc.StatusCode.INVALID_ARGUMENT:
            if slug in _SENTENCES:
                return InvalidError(slug, _SENTENCES[slug])
            return InvalidError("invalid_request", "Name or password cannot be accepted.")
        case grpc.StatusCode.ALREADY_EXISTS:
            return ConflictError(*chosen("name_taken"))
        case grpc.StatusCode.UNAUTHENTICATED:
            return UnauthenticatedError(*chosen("wrong_credentials" if rpc == "Login" else "invalid_refresh_token"))
        case grpc.StatusCode.PERMISSION_DENIED:
            return ForbiddenError("forbidden", "You don't have permission to do that.")
        case grpc.StatusCode.NOT_FOUND:
            return NotFoundError(*chosen("session_not_found"))
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return TooManyError(*chosen("too_many_attempts"), _retry_after_s(trailing.get("retry-after-s")))
        case grpc.StatusCode.UNIMPLEMENTED:
            return UnsupportedError()
        case grpc.StatusCode.UNAVAILABLE if slug == "store_refuses":
            return StoreRefusesError()
        case _:
            log.warning("authorization.failed", rpc=rpc, status=code.name)
            return UnavailableError("authorization_unavailable", "Accounts cannot be reached now. Try again shortly.")


def _meaning(rpc: str, error: aio.AioRpcError) -> tuple[grpc.StatusCode, str]:
    """Status and slug, but for the Go original's: it refuses in many ways, which would show what names there are."""
    code, text = error.code(), error.details() or ""
    if code is grpc.StatusCode.INTERNAL:
        return next((meaning for part, meaning in _GO_ERRORS.items() if part in text), (code, ""))
    refusals = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED)
    return (grpc.StatusCode.UNAUTHENTICATED if rpc in _PROOFS and code in refusals else code), ""


def _retry_after_s(text: Any) -> int:
    seconds = int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 10 else DEFAULT_RETRY_AFTER_S
    return min(max(seconds, 1), MAX_RETRY_AFTER_S)


def _client_metadata(client: ClientInfo) -> Metadata:
    pairs = (("x-client-address", client.address), ("x-user-agent", client.user_agent))
    cleaned = ((key, _metadata_text(value)) for key, value in pairs if value)
    return tuple((key, value) for key, value in cleaned if value)


def _browser_metadata(browser: Browser) -> Metadata:
    pairs = (("x-device-tokens", browser.devices), ("x-refresh-token", browser.refresh_token))
    return tuple((key, value) for key, value in pairs if value)


async def _devices(call: aio.UnaryUnaryCall[Any, Any]) -> str:
    devices = dict(await call.initial_metadata() or ()).get("x-device-tokens", "")
    return devices if isinstance(devices, str) and _DEVICES.fullmatch(devices) else ""


def _metadata_text(value: str) -> str:
    """gRPC metadata carries printable ASCII alone, and raises for anything else."""
    return "".join(c for c in value if " " <= c <= "~")[:MAX_USER_AGENT_CHARACTERS].strip()


def _bearer(access_token: str) -> Metadata:
    return (("x-authorization-header", f"Bearer {access_token}"),)


def _tokens(answer: auth_pb2.TokenResponse) -> Tokens:
    return Tokens(answer.access, answer.refresh)


def _session(found: auth_pb2.Session) -> Session:
    return Session(
        id=found.id,
        created_at_ms=found.created_at_ms,
        last_used_at_ms=found.last_used_at_ms,
        expires_at_ms=found.expires_at_ms,
        client_address=found.client_address,
        user_agent=found.user_agent,
        current=found.current,
    )
