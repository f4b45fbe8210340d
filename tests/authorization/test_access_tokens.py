"""Verification of access tokens: every forgery gets the same answer."""

import base64
import json
import time
import uuid
from typing import Any

import jwt
import pytest
from grpc import StatusCode

from tests.authorization.client import AuthClient, failure, session_of
from tests.authorization.conftest import KEY, OLD_KEY, Start


def claims(**changes: Any) -> dict[str, Any]:
    now_s = int(time.time())
    genuine = {"sub": 1, "jti": "1", "iat": now_s, "exp": now_s + 60, "iss": "crypto-service", "aud": "crypto-service"}
    return {name: value for name, value in {**genuine, **changes}.items() if value is not None}


def signed(payload: dict[str, Any], key: str = KEY, algorithm: str = "HS256", kid: str | None = "new") -> str:
    return jwt.encode(payload, key, algorithm, headers={} if kid is None else {"kid": kid})


def unsigned(payload: dict[str, Any], header: dict[str, Any]) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, payload)]
    return f"{parts[0]}.{parts[1]}."


async def test_believes_a_token_of_an_older_key(auth: AuthClient) -> None:
    user_id = await auth.register("myuser")
    session_id = session_of((await auth.login("myuser")).access)
    old = signed(claims(sub=user_id, sid=session_id), OLD_KEY, kid="old")
    assert (await auth.verify(old)).session_id == session_id


async def test_refuses_every_forgery(auth: AuthClient) -> None:
    user_id = await auth.register("myuser")
    access = (await auth.login("myuser")).access
    sid = session_of(access)
    mine = claims(sub=user_id, sid=sid)
    await auth.verify(signed(mine))
    header, payload, signature = access.split(".")
    forgeries = {
        "nothing": None,
        "empty": "",
        "nonsense": "nonsense",
        "alg none": unsigned(mine, {"alg": "none", "kid": "new"}),
        "alg None without kid": unsigned(mine, {"alg": "None"}),
        "another algorithm": signed(mine, KEY * 2, "HS512"),
        "another key": signed(mine, "x" * 32),
        "a key under another kid": signed(mine, KEY, kid="old"),
        "unknown kid": signed(mine, KEY, kid="other"),
        "no kid": signed(mine, KEY, kid=None),
        "kid that is no text": unsigned(mine, {"alg": "HS256", "kid": ["new"]}),
        "wrong issuer": signed({**mine, "iss": "other"}),
        "wrong audience": signed({**mine, "aud": "other"}),
        "issued in the future": signed({**mine, "iat": int(time.time()) + 600}),
        "subject as text": signed({**mine, "sub": str(user_id)}),
        "subject true": signed({**mine, "sub": True}),
        "subject zero": signed({**mine, "sub": 0}),
        "subject beyond a bigint": signed({**mine, "sub": 2**63}),
        "another user": signed({**mine, "sub": user_id + 1}),
        "unknown session": signed({**mine, "sid": str(uuid.uuid4())}),
        "malformed session": signed({**mine, "sid": "nonsense"}),
        "session that is no text": signed({**mine, "sid": 7}),
        "changed payload": f"{header}.{unsigned({**mine, 'sub': 2}, {}).split('.')[1]}.{signature}",
        "cut signature": f"{header}.{payload}.{signature[:-4]}",
        "deeply nested header": base64.urlsafe_b64encode(b"[" * 3000).decode() + ".e30.",
        **{
            f"without {name}": signed({key: value for key, value in mine.items() if key != name})
            for name in ("sub", "exp", "iat", "jti", "iss", "aud")
        },
    }
    for forgery, token in forgeries.items():
        refused = await failure(auth.verify(token))
        assert (refused.status, refused.slug) == (StatusCode.UNAUTHENTICATED, "invalid_access_token"), forgery


async def test_an_expired_token_is_refused_as_expired(auth: AuthClient) -> None:
    user_id = await auth.register("myuser")
    expired = signed(claims(sub=user_id, exp=int(time.time()) - 60))
    refused = await failure(auth.verify(expired))
    assert (refused.status, refused.slug) == (StatusCode.UNAUTHENTICATED, "access_token_expired")


async def test_a_logout_needs_no_fresh_access_token(auth: AuthClient) -> None:
    user_id = await auth.register("myuser")
    tokens = await auth.login("myuser")
    await auth.logout(tokens.refresh, signed(claims(sub=user_id, exp=int(time.time()) - 60)))
    assert (await failure(auth.refresh(tokens.refresh))).slug == "invalid_refresh_token"


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
async def test_tokens_of_the_go_original_are_accepted_only_if_configured(start: Start, key: str) -> None:
    strict, lenient = (await start()).client, (await start(jwt_accept_minimal=True)).client
    user_id = await strict.register("myuser")
    minimal = signed({"sub": user_id, "exp": int(time.time()) + 60}, key, kid=None)
    assert (await failure(strict.verify(minimal))).slug == "invalid_access_token"
    account = await lenient.verify(minimal)
    assert (account.user_id, account.name, account.session_id) == (user_id, "myuser", "")
    assert (
        await failure(lenient.verify(signed({"sub": user_id, "exp": 1}, key, kid=None)))
    ).slug == "access_token_expired"
    for forgery in (
        signed({"sub": user_id}, key, kid=None),
        signed({"sub": user_id, "exp": int(time.time()) + 60}, "x" * 32, kid=None),
        signed({"sub": user_id, "exp": int(time.time()) + 60}, key, kid="new"),
    ):
        assert (await failure(lenient.verify(forgery))).slug == "invalid_access_token"
    await lenient.delete_account(minimal)
    assert (await failure(lenient.verify(minimal))).slug == "invalid_access_token"
