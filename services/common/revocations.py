"""The end of sessions, as services agree on it in Redis: a channel, keys, and when an access token is void."""

from dataclasses import dataclass

import msgspec

CHANNEL = "auth:revocations"


class RevocationMessage(msgspec.Struct, frozen=True):
    """A message of the channel. Without a session: all of the user's tokens up to the time in the user's key."""

    user_id: int
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Bearer:
    """The claims of an access token that a revocation can name."""

    user_id: int
    session_id: str | None
    issued_at_s: int | None

    @property
    def keys(self) -> tuple[str, str]:
        """The keys whose values `is_revoked` takes. A token without a session names a key that no session can have."""
        return session_key(self.session_id or ""), user_key(self.user_id)

    def is_revoked(self, session: bytes | str | None, revoked_until: bytes | str | None) -> bool:
        """Whether the values of `keys` void the token. In doubt they do: if the token has no time of issue,
        or a time cannot be parsed."""
        if self.session_id and session is not None:
            return True
        if revoked_until is None:
            return False
        return self.issued_at_s is None or not revoked_until.isdigit() or self.issued_at_s <= int(revoked_until)


def session_key(session_id: str) -> str:
    """The key whose presence voids the access tokens of one session."""
    return f"auth:revoked:session:{session_id}"


def user_key(user_id: int) -> str:
    """The key that holds up to when (s) the access tokens of a user are void."""
    return f"auth:revoked:user:{user_id}"


encode_revocation = msgspec.json.Encoder().encode
decode_revocation = msgspec.json.Decoder(RevocationMessage).decode
"""Raises ValueError or RecursionError."""
