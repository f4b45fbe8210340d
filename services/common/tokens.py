"""Tokens of a session, and the reading of access tokens: JWT (RFC 7519), HS256 only, full claims, keys by `kid`.

`sub` is the user id as a JSON number, as the Go original writes and reads it. RFC 7519 wants a string there, so
the library's own check of `sub` is off and ours takes its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import jwt

from services.common.revocations import Bearer

ALGORITHM = "HS256"
ISSUER = "crypto-service"
AUDIENCE = "crypto-service"
LEEWAY_S = 5
MAX_USER_ID = 2**63 - 1
MIN_KEY_BYTES = 32
"""RFC 7518, 3.2: an HS256 key has at least the hash's size."""
_FULL_CLAIMS = ["sub", "exp", "iat", "jti", "iss", "aud"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login or a refresh gives."""

    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class Login:
    """A new session. `devices` is what the browser is to keep for its next login; empty where the issuer has none."""

    tokens: Tokens
    devices: str


class InvalidTokenError(Exception):
    """Not a valid access token."""


class ExpiredTokenError(InvalidTokenError):
    """A token of ours whose time is over."""


def check_keys(keys: Mapping[str, str]) -> None:
    """Refuse a key set that must not sign or verify anything: ValueError with a sentence that holds no secret."""
    if not keys:
        raise ValueError("at least one key is needed, as a JSON object of kid and secret")
    for kid, secret in keys.items():
        if len(secret.encode()) < MIN_KEY_BYTES:
            raise ValueError(f"key {kid!r} is shorter than {MIN_KEY_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """The claims of a valid access token. Optional ones are None in the Go original's tokens."""

    user_id: int
    expires_at_s: int
    session_id: str | None
    issued_at_s: int | None
    name: str | None = None
    """The account's; also None in tokens of earlier versions."""

    @property
    def bearer(self) -> Bearer:
        """The claims that a revocation can name."""
        return Bearer(self.user_id, self.session_id, self.issued_at_s)


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """Checks access tokens against `keys` (kid → secret). `accept_minimal` admits tokens with only `sub` and `exp`."""

    keys: Mapping[str, str]
    accept_minimal: bool = False

    def verify(self, token: str) -> AccessClaims:
        """The claims of `token`. Raises `ExpiredTokenError` or `InvalidTokenError`, never anything else."""
        return self._read(token, check_end=True)

    def owner(self, token: str) -> int | None:
        """The user id in a token of ours, expired or not. It identifies the caller and grants nothing."""
        try:
            return self._read(token, check_end=False).user_id
        except InvalidTokenError:
            return None

    def _read(self, token: str, *, check_end: bool) -> AccessClaims:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except (jwt.InvalidTokenError, ValueError) as error:
            raise InvalidTokenError from error
        if kid is not None:
            key = self.keys.get(kid) if isinstance(kid, str) else None
            if key is None:
                raise InvalidTokenError
            return _claims(_decode(token, key, minimal=False, check_end=check_end))
        if not self.accept_minimal:
            raise InvalidTokenError
        return _claims(self._decode_with_any_key(token, check_end=check_end))

    def _decode_with_any_key(self, token: str, *, check_end: bool) -> dict[str, object]:
        failure = InvalidTokenError()
        for key in self.keys.values():
            try:
                return _decode(token, key, minimal=True, check_end=check_end)
            except ExpiredTokenError:
                raise
            except InvalidTokenError as error:
                failure = error
        raise failure


def _decode(token: str, key: str, *, minimal: bool, check_end: bool) -> dict[str, object]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=None if minimal else ISSUER,
            audience=None if minimal else AUDIENCE,
            leeway=LEEWAY_S,
            options={
                "require": ["sub", "exp"] if minimal else _FULL_CLAIMS,
                "verify_sub": False,
                "verify_aud": not minimal,
                "verify_exp": check_end,
            },
        )
    except jwt.ExpiredSignatureError as error:
        raise ExpiredTokenError from error
    except jwt.InvalidTokenError as error:
        raise InvalidTokenError from error


def _claims(payload: Mapping[str, object]) -> AccessClaims:
    user_id, expires_at_s = payload["sub"], payload["exp"]
    session_id, issued_at_s, name = payload.get("sid"), payload.get("iat"), payload.get("name")
    if not (isinstance(user_id, int) and not isinstance(user_id, bool) and 0 < user_id <= MAX_USER_ID):
        raise InvalidTokenError
    if not isinstance(expires_at_s, int) or not isinstance(session_id, str | None):
        raise InvalidTokenError
    issued_at_s = issued_at_s if isinstance(issued_at_s, int) else None
    return AccessClaims(user_id, expires_at_s, session_id, issued_at_s, name if isinstance(name, str) else None)
