"""Translation of each answer of the authorization service, over a real channel to a scripted server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode, aio

from proto import auth_pb2_grpc
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
from services.common.grpc import open_channel, serve_grpc
from services.profile.upstream.authorization_client import Authorization, ClientInfo, UnsupportedError

NO_CLIENT = ClientInfo(None, None)
SECRET_TEXT = "Traceback: SELECT hash FROM accounts"


@dataclass(slots=True)
class Script:
    """A servicer whose every call ends with this status and this trailing metadata. It has no Verify."""

    status: StatusCode = StatusCode.OK
    trailing: tuple[tuple[str, str], ...] = ()
    seen: tuple[tuple[str, Any], ...] = ()
    text: str = SECRET_TEXT

    async def answer(self, _: Any, context: Any) -> Empty:
        self.seen = tuple(context.invocation_metadata())
        if self.status is not StatusCode.OK:
            await context.abort(self.status, self.text, self.trailing)
        context.set_trailing_metadata(self.trailing)
        return Empty()

    async def refuse(self, _: Any, context: Any) -> None:
        await context.abort(StatusCode.UNIMPLEMENTED, SECRET_TEXT)

    Register = Login = Refresh = Logout = DeleteAccount = ListSessions = RevokeSession = answer
    Verify = refuse


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def authorization(script: Script) -> AsyncIterator[Authorization]:
    def register(server: aio.Server) -> None:
        auth_pb2_grpc.add_AuthServicer_to_server(cast("Any", script), server)

    async with (
        serve_grpc(register, ["auth.Auth"], "127.0.0.1:0", grace_s=1) as port,
        open_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield Authorization(channel, timeout_s=5)


@pytest.mark.parametrize(
    ("status", "slug", "kind", "code"),
    [
        (StatusCode.INVALID_ARGUMENT, "password_too_long", InvalidError, "password_too_long"),
        (StatusCode.INVALID_ARGUMENT, "news_to_us", InvalidError, "invalid_request"),
        (StatusCode.INVALID_ARGUMENT, None, InvalidError, "invalid_request"),
        (StatusCode.ALREADY_EXISTS, None, ConflictError, "name_taken"),
        (StatusCode.UNAUTHENTICATED, None, UnauthenticatedError, "wrong_credentials"),
        (StatusCode.PERMISSION_DENIED, None, UnauthenticatedError, "wrong_credentials"),
        (StatusCode.NOT_FOUND, None, UnauthenticatedError, "wrong_credentials"),
        (StatusCode.RESOURCE_EXHAUSTED, "busy", TooManyError, "busy"),
        (StatusCode.UNIMPLEMENTED, None, UnsupportedError, "not_supported"),
        (StatusCode.UNAVAILABLE, "unavailable", UnavailableError, "authorization_unavailable"),
        (StatusCode.DEADLINE_EXCEEDED, None, UnavailableError, "authorization_unavailable"),
        (StatusCode.INTERNAL, "boom", UnavailableError, "authorization_unavailable"),
        (StatusCode.UNAVAILABLE, "store_refuses", StoreRefusesError, "store_refuses"),
        (StatusCode.UNKNOWN, None, UnavailableError, "authorization_unavailable"),
    ],
)
async def test_every_status_becomes_an_answer_of_ours(
    authorization: Authorization, script: Script, status: StatusCode, slug: str | None, kind: type[ApiError], code: str
) -> None:
    script.status, script.trailing = status, (("x-error-code", slug),) if slug else ()
    with pytest.raises(kind) as failed:
        await authorization.login("name", "password", NO_CLIENT)
    assert failed.value.code == code
    assert "SELECT" not in failed.value.sentence


BCRYPT = "crypto/bcrypt: hashedPassword is not the hash of the given password"


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        (f"unknown error: 🚫🟰 passwords not equal: {BCRYPT}", UnauthenticatedError, "wrong_credentials"),
        (BCRYPT, UnauthenticatedError, "wrong_credentials"),
        ("unknown error: 🚫🟰 passwords not equal", UnauthenticatedError, "wrong_credentials"),
        ("Could not hash password: bcrypt: password length exceeds 72 bytes", InvalidError, "password_too_long"),
        ("db error: database error: connection refused", UnavailableError, "authorization_unavailable"),
        ("", UnavailableError, "authorization_unavailable"),
    ],
)
async def test_what_the_go_original_calls_internal(
    authorization: Authorization, script: Script, text: str, kind: type[ApiError], code: str
) -> None:
    script.status, script.text = StatusCode.INTERNAL, text
    with pytest.raises(kind) as failed:
        await authorization.login("name", "password", NO_CLIENT)
    assert failed.value.code == code


async def test_a_token_of_the_go_original_is_not_spent_without_its_owner(
    authorization: Authorization, script: Script
) -> None:
    with pytest.raises(UnauthenticatedError):
        await authorization.refresh("$2a$10$token", None, NO_CLIENT)
    assert script.seen == ()


@pytest.mark.parametrize("status", [StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED, StatusCode.NOT_FOUND])
async def test_a_session_that_cannot_be_proved_is_over_at_any_refusal(
    authorization: Authorization, script: Script, status: StatusCode
) -> None:
    script.status = status
    for call in (authorization.refresh("token", 7, NO_CLIENT), authorization.logout("token", "access")):
        with pytest.raises(UnauthenticatedError) as failed:
            await call
        assert failed.value.code == "invalid_refresh_token"


@pytest.mark.parametrize(
    ("status", "kind"), [(StatusCode.PERMISSION_DENIED, ForbiddenError), (StatusCode.NOT_FOUND, NotFoundError)]
)
async def test_elsewhere_a_refusal_keeps_its_kind(
    authorization: Authorization, script: Script, status: StatusCode, kind: type[ApiError]
) -> None:
    script.status = status
    with pytest.raises(kind):
        await authorization.revoke_session("access", "session")


@pytest.mark.parametrize(("user_id", "sent"), [(7, "7"), (None, "0")])
async def test_a_refresh_always_sends_a_user_id(
    authorization: Authorization, script: Script, user_id: int | None, sent: str
) -> None:
    """The Go original reads the first value of `x-user-id` as a number, and ends when there is none."""
    script.status = StatusCode.UNAUTHENTICATED
    with pytest.raises(UnauthenticatedError):
        await authorization.refresh("token", user_id, NO_CLIENT)
    assert [value for key, value in script.seen if key == "x-user-id"] == [sent]


@pytest.mark.parametrize(
    ("text", "seconds"), [("42", "42"), ("0", "1"), ("9" * 30, "10"), ("99999", "3600"), ("soon", "10"), (None, "10")]
)
async def test_how_long_to_wait_is_passed_on_within_reason(
    authorization: Authorization, script: Script, text: str | None, seconds: str
) -> None:
    script.status = StatusCode.RESOURCE_EXHAUSTED
    script.trailing = (("retry-after-s", text),) if text else ()
    with pytest.raises(TooManyError) as failed:
        await authorization.login("name", "password", NO_CLIENT)
    assert failed.value.headers == {"Retry-After": seconds}


@pytest.mark.parametrize(("text", "user_id"), [("7", 7), ("x", None), (None, None)])
async def test_the_new_user_id_is_read_where_it_is_sent(
    authorization: Authorization, script: Script, text: str | None, user_id: int | None
) -> None:
    script.trailing = (("x-user-id", text),) if text else ()
    assert await authorization.register("name", "password", NO_CLIENT) == user_id


async def test_the_client_is_described_in_what_metadata_can_carry(authorization: Authorization, script: Script) -> None:
    await authorization.register("name", "password", ClientInfo("203.0.113.7", "café\r\nx-user-id: 1" + "x" * 500))
    seen = dict(script.seen)
    assert seen["x-client-address"] == "203.0.113.7"
    assert seen["x-user-agent"].startswith("cafx-user-id: 1xxx")
    assert len(seen["x-user-agent"]) == 200
    assert "x-user-id" not in seen


async def test_an_account_that_is_gone_already_is_deleted(authorization: Authorization, script: Script) -> None:
    script.status = StatusCode.NOT_FOUND
    await authorization.delete_account("token")


async def test_a_peer_without_the_additions(authorization: Authorization) -> None:
    with pytest.raises(UnsupportedError):
        await authorization.verify("token")
