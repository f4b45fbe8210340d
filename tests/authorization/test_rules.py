"""The pure rules, by example and by property."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.authorization.client import read_client
from services.authorization.devices import TOKENS_MAX, DeviceTokens
from services.authorization.errors import InvalidNameError, PasswordTooLongError, PasswordTooShortError
from services.authorization.names import lookup_key, name_key
from services.authorization.passwords import new_password_bytes, password_forms
from services.authorization.sessions import GRACE_USES_MAX, PresentedToken, SessionPolicy, Verdict, judge
from services.common.signing import Signer, signing_order

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = SessionPolicy(timedelta(days=30), timedelta(days=14), timedelta(seconds=10), 100)
seconds = st.integers(-10_000_000, 10_000_000).map(lambda value: timedelta(seconds=value))
presented = st.builds(
    PresentedToken,
    now=st.just(NOW),
    session_revoked=st.booleans(),
    session_expires_at=seconds.map(NOW.__add__),
    session_last_used_at=seconds.map(NOW.__add__),
    spent_at=st.none() | seconds.map(NOW.__add__) | st.integers(0, 20).map(lambda ago: NOW - timedelta(seconds=ago)),
    grace_uses=st.integers(0, GRACE_USES_MAX + 1),
)


@given(presented)
def test_only_a_fresh_token_of_a_living_session_rotates(token: PresentedToken) -> None:
    verdict = judge(token, POLICY)
    living = (
        not token.session_revoked and token.session_expires_at > NOW and token.session_last_used_at + POLICY.idle > NOW
    )
    assert (verdict is Verdict.OVER) == (not living)
    assert (verdict is Verdict.ROTATE) == (living and token.spent_at is None)


@given(presented)
def test_the_grace_is_short_and_bounded(token: PresentedToken) -> None:
    if judge(token, POLICY) is Verdict.GRACE:
        assert token.spent_at is not None
        assert token.spent_at + POLICY.grace > NOW
        assert token.grace_uses < GRACE_USES_MAX


names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=64)


@given(names)
def test_the_key_is_stable_and_blind_to_case(name: str) -> None:
    try:
        key = name_key(name)
    except InvalidNameError:
        return
    assert key.isprintable()
    for variant in (name.casefold(), key):
        if len(variant) <= 64 and variant.isprintable() and variant == variant.strip():
            assert name_key(variant) == key


@given(st.text())
def test_looking_up_any_text_gives_a_key_that_postgresql_can_hold(name: str) -> None:
    key = lookup_key(name)
    assert "\0" not in key
    try:
        assert key == name_key(name)
    except InvalidNameError:
        assert key.startswith("\x01")


passwords = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80)


@given(passwords)
def test_a_password_is_kept_whole_or_refused(password: str) -> None:
    normal = unicodedata.normalize("NFC", password)
    try:
        assert new_password_bytes(password).decode() == normal
    except PasswordTooLongError:
        assert len(normal.encode()) > 72
    except PasswordTooShortError:
        assert len(normal) < 8


@given(passwords, st.sampled_from(["NFC", "NFD"]))
def test_a_login_tries_what_a_registration_hashed_however_it_was_typed(password: str, form: Any) -> None:
    try:
        hashed = new_password_bytes(password)
    except (PasswordTooLongError, PasswordTooShortError):
        return
    assert password_forms(unicodedata.normalize(form, password))[0] == hashed


@given(passwords)
def test_a_login_tries_at_most_three_forms_of_a_password(password: str) -> None:
    try:
        forms = password_forms(password)
    except PasswordTooLongError:
        assert len(password.encode()) > 72
        return
    assert 1 <= len(forms) <= 3
    assert len(forms) == 1 or not password.isascii()
    assert len(password.encode()) > 72 or password.encode() in forms
    assert all(len(form) <= 72 for form in forms)


DEVICES = DeviceTokens(Signer(("k" * 32, "o" * 32), "device token"))


@given(st.lists(names, min_size=1, max_size=12, unique=True))
def test_a_browser_holds_a_bounded_number_of_device_tokens(accounts: list[str]) -> None:
    held = ""
    for account in accounts:
        held = DEVICES.renew(held, account)
        assert len(held) <= 359
        assert DEVICES.renew(held, account) == held
    for age, account in enumerate(reversed(accounts)):
        assert (DEVICES.recognize(held, account) is not None) == (age < TOKENS_MAX)


@given(st.text(max_size=2_000))
def test_what_no_login_issued_is_no_device(held: str) -> None:
    assert DEVICES.recognize(held, "account") is None
    assert DEVICES.recognize(DEVICES.renew(held, "account"), "account") is not None


def test_a_device_stays_known_while_its_key_verifies() -> None:
    old = DeviceTokens(Signer(("o" * 32,), "device token")).renew("", "account")
    assert DEVICES.recognize(old, "account") is not None
    assert DEVICES.recognize(DeviceTokens(Signer(("x" * 32,), "device token")).renew("", "account"), "account") is None
    assert DEVICES.recognize(DeviceTokens(Signer(("k" * 32,), "other purpose")).renew("", "account"), "account") is None


def test_the_active_key_signs() -> None:
    assert signing_order({"old": "o", "new": "n"}, "new") == ("n", "o")


@pytest.mark.parametrize(
    ("sent", "address", "network"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        ("", None, None),
        (" ", None, None),
        ("192.0.2.1, 10.0.0.1", None, ""),
        ("192.0.2.1:443", None, ""),
        ("nonsense", None, ""),
    ],
)
def test_reads_the_clients_address(sent: str, address: str | None, network: str | None) -> None:
    client = read_client({"x-client-address": sent})
    assert (client.address, client.network) == (address, network)


@given(st.text(), st.text())
def test_any_client_metadata_is_harmless(address: str, agent: str) -> None:
    client = read_client({"x-client-address": address, "x-user-agent": agent})
    assert len(client.user_agent or "") <= 256
    assert (client.user_agent or "").isprintable()
    assert (client.network is None) == (not address.strip())
