"""Reading access tokens: what is believed, and that nothing else ever comes out but a refusal."""

import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.tokens import (
    LEEWAY_S,
    AccessClaims,
    ExpiredTokenError,
    InvalidTokenError,
    TokenVerifier,
    check_keys,
)

KEYS = {"new": "n" * 32, "old": "o" * 32}
STRICT = TokenVerifier(KEYS)
LENIENT = TokenVerifier(KEYS, accept_minimal=True)
NOW_S = int(time.time())
DAY_S = 86_400
"""Longer than any run of the tests: `NOW_S` is when they were collected."""
FULL = {
    "sub": 7,
    "sid": "s",
    "jti": "j",
    "iat": NOW_S,
    "exp": NOW_S + DAY_S,
    "iss": "crypto-service",
    "aud": "crypto-service",
}


def signed(payload: dict[str, Any], kid: str | None = "new", key: str | None = None) -> str:
    """Signed below the library's own encoder of claims, which refuses some of the forgeries itself."""
    headers = {"kid": kid} if kid else {}
    return jwt.api_jws.encode(json.dumps(payload).encode(), key or KEYS[kid or "new"], "HS256", headers)


@pytest.mark.parametrize("kid", ["new", "old"])
def test_believes_every_known_key(kid: str) -> None:
    assert STRICT.verify(signed(FULL, kid)) == AccessClaims(7, NOW_S + DAY_S, "s", NOW_S)


WRONG: dict[str, list[Any]] = {
    "sub": ["7", 7.0, True, 0, -7, 2**63, None, [7]],
    "exp": [str(NOW_S + DAY_S), NOW_S + DAY_S + 0.5, None, [], float("inf")],
    "iat": ["x", None, NOW_S + DAY_S],
    "iss": ["other", None, ["crypto-service"]],
    "aud": ["other", None, []],
    "sid": [7, ["s"]],
    "nbf": [NOW_S + DAY_S, "x"],
}


CASES = [
    # Named by place: parallel test processes must agree on the names, and some values hold the time.
    pytest.param(claim, value, id=f"{claim}-{place}")
    for claim, values in WRONG.items()
    for place, value in enumerate(values)
]


@pytest.mark.parametrize(("claim", "value"), CASES)
def test_refuses_a_claim_of_another_type_or_value(claim: str, value: object) -> None:
    with pytest.raises(InvalidTokenError):
        STRICT.verify(signed({**FULL, claim: value}))


@pytest.mark.parametrize("claim", ["sub", "exp", "iat", "jti", "iss", "aud"])
def test_refuses_a_missing_claim(claim: str) -> None:
    with pytest.raises(InvalidTokenError):
        STRICT.verify(signed({name: value for name, value in FULL.items() if name != claim}))


def test_distinguishes_an_expired_token_from_a_forged_one() -> None:
    with pytest.raises(ExpiredTokenError):
        STRICT.verify(signed({**FULL, "exp": NOW_S - LEEWAY_S - 1}))
    with pytest.raises(InvalidTokenError) as refused:
        STRICT.verify(signed({**FULL, "exp": NOW_S - DAY_S}, key="x" * 32))
    assert not isinstance(refused.value, ExpiredTokenError)


def test_an_expired_token_names_its_owner_and_a_forged_one_none() -> None:
    past = {**FULL, "exp": NOW_S - DAY_S}
    minimal = {"sub": 7, "exp": NOW_S - DAY_S}
    assert STRICT.owner(signed(FULL)) == STRICT.owner(signed(past)) == STRICT.owner(signed(past, "old")) == 7
    assert LENIENT.owner(signed(minimal, None, KEYS["old"])) == 7
    for verifier, token in (
        (STRICT, signed(past, key="x" * 32)),
        (STRICT, signed(past, "old", KEYS["new"])),
        (STRICT, signed({**past, "aud": "other"})),
        (STRICT, signed({**past, "sub": "7"})),
        (STRICT, signed({**past, "exp": "7"})),
        (STRICT, signed(minimal, None)),
        (LENIENT, signed(minimal, None, "x" * 32)),
    ):
        assert verifier.owner(token) is None


def test_minimal_tokens_are_believed_only_where_configured() -> None:
    minimal = {"sub": 7, "exp": NOW_S + DAY_S}
    for key in KEYS.values():
        assert LENIENT.verify(signed(minimal, None, key)) == AccessClaims(7, NOW_S + DAY_S, None, None)
    for verifier, token in (
        (STRICT, signed(minimal, None)),
        (LENIENT, signed(minimal, None, "x" * 32)),
        (LENIENT, signed(minimal, "new")),
    ):
        with pytest.raises(InvalidTokenError):
            verifier.verify(token)
    with pytest.raises(ExpiredTokenError):
        LENIENT.verify(signed({"sub": 7, "exp": NOW_S - DAY_S}, None, KEYS["old"]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*FULL, "nbf"]), json_values))
def test_any_signed_token_is_believed_or_refused(changes: dict[str, Any]) -> None:
    token = signed({**FULL, **changes})
    owner = STRICT.owner(token)
    assert owner is None or (type(owner) is int and 0 < owner < 2**63)
    try:
        claims = STRICT.verify(token)
    except InvalidTokenError:
        return
    assert owner == claims.user_id
    assert type(claims.user_id) is int
    assert 0 < claims.user_id < 2**63


@given(st.text() | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True))
def test_any_unsigned_text_is_refused(text: str) -> None:
    for verifier in (STRICT, LENIENT):
        with pytest.raises(InvalidTokenError):
            verifier.verify(text)
        assert verifier.owner(text) is None


def test_weak_keys_are_refused_without_being_shown() -> None:
    check_keys(KEYS)
    with pytest.raises(ValueError, match="at least one key"):
        check_keys({})
    with pytest.raises(ValueError, match="'weak' is shorter than 32 bytes") as refused:
        check_keys({**KEYS, "weak": "s" * 31})
    assert "sss" not in str(refused.value)
