"""Access tokens made here, good and bad, with the key the services under test share."""

import time
from typing import Any

import jwt

from tests.profile.conftest import KEY


def mint(
    user_id: object = 1, *, key: str = KEY, algorithm: str = "HS256", kid: str | None = "test", **claims: Any
) -> str:
    """A token as authorization makes them, with `claims` replaced. A claim of None is left out."""
    now_s = int(time.time())
    full = {
        "sub": user_id,
        "sid": "session",
        "jti": "1",
        "iat": now_s,
        "exp": now_s + 900,
        "iss": "crypto-service",
        "aud": "crypto-service",
    } | claims
    present = {name: value for name, value in full.items() if value is not None}
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(present, key if algorithm != "none" else "", algorithm=algorithm, headers=headers)
