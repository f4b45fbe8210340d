"""New tokens: signed access tokens (read by services/common/tokens.py) and random refresh tokens."""

import hashlib
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import jwt

from services.common.tokens import ALGORITHM, AUDIENCE, ISSUER

REFRESH_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class AccessTokenIssuer:
    """Signs access tokens with the active key; the others of `keys` only verify, until their tokens have expired."""

    keys: Mapping[str, str]
    active_kid: str
    lifetime_s: int

    def issue(self, user_id: int, name: str, session_id: uuid.UUID) -> str:
        """A token for one session of the account with this id and name, from now on."""
        issued_at_s = int(time.time())
        claims = {
            "sub": user_id,
            "name": name,
            "sid": str(session_id),
            "jti": uuid.uuid4().hex,
            "iat": issued_at_s,
            "exp": issued_at_s + self.lifetime_s,
            "iss": ISSUER,
            "aud": AUDIENCE,
        }
        return jwt.encode(claims, self.keys[self.active_kid], algorithm=ALGORITHM, headers={"kid": self.active_kid})


def new_refresh_token() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(REFRESH_TOKEN_BYTES)


def refresh_token_hash(token: str) -> bytes:
    """What is stored. The token is random, so a plain hash cannot be searched backwards."""
    return hashlib.sha256(token.encode()).digest()
