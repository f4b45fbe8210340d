"""Authorization's gRPC: what its servicer writes, profile's client reads, and the other way; for any values."""

import asyncio
import ipaddress
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.auth_pb2_grpc import add_AuthServicer_to_server
from services.authorization import errors
from services.authorization.bearers import Bearer
from services.authorization.client import Client
from services.authorization.devices import TOKENS_MAX, DeviceTokens
from services.authorization.errors import AuthError, InvalidNameError, RetryLaterError
from services.authorization.interceptor import CallInterceptor
from services.authorization.names import name_key
from services.authorization.servicer import SERVICE_NAME, AuthServicer
from services.authorization.session_store import Session
from services.common.client_limits import client_key
from services.common.errors import (
    ApiError,
    ConflictError,
    InvalidError,
    NotFoundError,
    TooManyError,
    UnauthenticatedError,
    UnavailableError,
)
from services.common.grpc import open_channel, serve_grpc
from services.common.signing import Signer
from services.common.tokens import Login, Tokens
from services.profile.upstream.authorization_client import Authorization, Browser, ClientInfo
from tests.contracts.values import over_a_connection, user_ids

NO_CLIENT = ClientInfo(None, None)
KINDS = {
    "INVALID_ARGUMENT": InvalidError,
    "ALREADY_EXISTS": ConflictError,
    "UNAUTHENTICATED": UnauthenticatedError,
    "NOT_FOUND": NotFoundError,
    "RESOURCE_EXHAUSTED": TooManyError,
    "UNAVAILABLE": UnavailableError,
}
OTHERWISE_NAMED = {"unavailable": "authorization_unavailable", "access_token_expired": "invalid_refresh_token"}
"""Slugs that profile does not pass on: what it can see itself, and what means no more than that no answer came."""


@dataclass(slots=True)
class Operations:
    """In the place of authorization's operations: records each call, and ends it as the test wants."""

    result: Any = None
    error: AuthError | None = None
    seen: tuple[Any, ...] = field(default=())

    async def _call(self, *args: Any) -> Any:
        self.seen = args
        if self.error is not None:
            raise self.error
        return self.result

    register = login = refresh = logout = verify = delete_account = list_sessions = revoke_session = _call


@dataclass(frozen=True, slots=True)
class Peers:
    """Both ends of one channel."""

    authorization: Operations
    profile: Authorization
    runner: asyncio.Runner

    def call(self, call: Any, result: Any = None, error: AuthError | None = None) -> Any:
        self.authorization.result, self.authorization.error = result, error
        return self.runner.run(call)


@pytest.fixture(scope="module")
def peers(runner: asyncio.Runner) -> Iterator[Peers]:
    operations, stack = Operations(), AsyncExitStack()

    async def connect() -> Authorization:
        serve = partial(add_AuthServicer_to_server, AuthServicer(cast("Any", operations)))
        serving = serve_grpc(serve, [SERVICE_NAME], "127.0.0.1:0", interceptors=[CallInterceptor()])
        port = await stack.enter_async_context(serving)
        return Authorization(await stack.enter_async_context(open_channel(f"127.0.0.1:{port}")), timeout_s=60)

    yield Peers(operations, runner.run(connect()), runner)
    runner.run(stack.aclose())


def is_name(text: str) -> bool:
    try:
        name_key(text)
    except InvalidNameError:
        return False
    return True


names = st.text(min_size=1, max_size=20).filter(is_name)
passwords = st.text(max_size=72)
tokens = st.from_regex(r"[0-9A-Za-z_.-]{1,400}", fullmatch=True)
addresses = st.ip_addresses()
agents = st.from_regex(r"[!-~]([ -~]{0,100}[!-~])?", fullmatch=True)
moments = st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given by `timezones`
sessions = st.builds(Session, st.uuids(), moments, moments, moments, st.none() | addresses.map(str), st.none() | agents)


@over_a_connection
@given(name=names, password=passwords, user_id=user_ids, address=addresses, agent=agents)
def test_register(
    peers: Peers, name: str, password: str, user_id: int, address: ipaddress.IPv4Address, agent: str
) -> None:
    registered = peers.call(peers.profile.register(name, password, ClientInfo(str(address), agent)), user_id)
    assert registered == user_id
    mapped = getattr(address, "ipv4_mapped", None)
    seen = Client(str(mapped or address), agent, client_key(str(address)))
    assert peers.authorization.seen == (name, password, seen)


@over_a_connection
@given(
    name=names,
    password=passwords,
    issued=st.builds(Tokens, tokens, tokens),
    accounts=st.integers(0, TOKENS_MAX + 2),
    replaced=st.none() | tokens,
)
def test_login(peers: Peers, name: str, password: str, issued: Tokens, accounts: int, replaced: str | None) -> None:
    """With the device tokens of as many accounts as a browser has seen."""
    devices, held = DeviceTokens(Signer(("k" * 32,), "device token")), ""
    for number in range(accounts):
        held = devices.renew(held, f"account {number}")
    renewed = devices.renew(held, name)
    call = peers.profile.login(name, password, NO_CLIENT, Browser(held, replaced))
    assert peers.call(call, Login(issued, renewed)) == Login(issued, renewed)
    assert peers.authorization.seen == (name, password, Client(), held, replaced)


@over_a_connection
@given(token=tokens, user_id=st.none() | user_ids, issued=st.builds(Tokens, tokens, tokens))
def test_refresh(peers: Peers, token: str, user_id: int | None, issued: Tokens) -> None:
    assert peers.call(peers.profile.refresh(token, user_id, NO_CLIENT), issued) == issued
    assert peers.authorization.seen == (token, str(user_id or 0), Client())


@over_a_connection
@given(refresh=tokens, access=tokens, session_id=st.uuids().map(str))
def test_ends_of_sessions(peers: Peers, refresh: str, access: str, session_id: str) -> None:
    profile = peers.profile
    calls = [
        (profile.logout(refresh, access), [refresh, access]),
        (profile.revoke_session(access, session_id), [access, session_id]),
        (profile.delete_account(access), [access]),
    ]
    for call, arguments in calls:
        peers.call(call)
        assert list(peers.authorization.seen) == arguments


@over_a_connection
@given(access=tokens, user_id=user_ids, name=names, session_id=st.none() | st.uuids())
def test_verify(peers: Peers, access: str, user_id: int, name: str, session_id: uuid.UUID | None) -> None:
    assert peers.call(peers.profile.verify(access), (Bearer(user_id, session_id), name)) == name
    assert peers.authorization.seen == (access,)


@over_a_connection
@given(st.data(), st.lists(sessions, max_size=4, unique_by=lambda session: session.id))
def test_sessions(peers: Peers, data: st.DataObject, active: list[Session]) -> None:
    current = data.draw(st.none() | st.sampled_from([session.id for session in active] or [uuid.UUID(int=0)]))
    read = peers.call(peers.profile.sessions("access"), (Bearer(1, current), active))
    assert [each.id for each in read] == [str(session.id) for session in active]
    for each, session in zip(read, active, strict=True):
        times_ms = [int(at.timestamp() * 1000) for at in (session.created_at, session.last_used_at, session.expires_at)]
        assert [each.created_at_ms, each.last_used_at_ms, each.expires_at_ms] == times_ms
        assert (each.client_address, each.user_agent) == (session.client_address or "", session.user_agent or "")
        assert each.current == (session.id == current)


def kinds_of(kind: type[AuthError]) -> Iterator[type[AuthError]]:
    """Every error that can be raised."""
    if hasattr(kind, "slug"):
        yield kind
    for each in kind.__subclasses__():
        yield from kinds_of(each)


def test_these_are_all_errors_of_authorization() -> None:
    named = {each for each in vars(errors).values() if isinstance(each, type) and hasattr(each, "slug")}
    assert set(kinds_of(AuthError)) >= named
    assert len(named) > 10


@over_a_connection
@given(kind=st.sampled_from(sorted(kinds_of(AuthError), key=lambda each: each.slug)), retry_s=st.integers(0, 10**9))
def test_errors(peers: Peers, kind: type[AuthError], retry_s: int) -> None:
    """Each has a sentence of profile's own for people, the same slug for programs, and its time to wait."""
    raised = kind(retry_s) if issubclass(kind, RetryLaterError) else kind()
    with pytest.raises(ApiError) as failed:
        peers.call(peers.profile.sessions("access"), error=raised)
    answered = failed.value
    assert isinstance(answered, KINDS[kind.status.name])
    assert answered.code == OTHERWISE_NAMED.get(kind.slug, kind.slug)
    assert answered.sentence != str(raised)
    assert answered.sentence.endswith(".")
    if isinstance(raised, RetryLaterError):
        assert 1 <= int(answered.headers["Retry-After"]) == min(max(retry_s, 1), 3600)
