"""A client of the authorization service as the profile is one: the generated stub over a real connection."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import jwt
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc import aio

from proto.auth_pb2 import Account, AuthRequest, RevokeSessionRequest, SessionList, TokenResponse
from proto.auth_pb2_grpc import AuthStub

if TYPE_CHECKING:
    from proto.auth_pb2_grpc import AuthAsyncStub  # exists in the stub file alone

PASSWORD = "correct horse"
DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Failure:
    """How a call failed, as far as a caller can see."""

    status: grpc.StatusCode
    slug: str
    sentence: str
    retry_after_s: int | None


@dataclass(frozen=True, slots=True)
class Login:
    """What a login answers to a browser."""

    tokens: TokenResponse
    devices: str


@dataclass(frozen=True, slots=True)
class AuthClient:
    stub: "AuthAsyncStub"

    @classmethod
    def over(cls, channel: aio.Channel) -> "AuthClient":
        return cls(AuthStub(channel))

    async def register(self, name: str, password: str = PASSWORD, address: str = "") -> int:
        call = self.stub.Register(
            AuthRequest(name=name, password=password), metadata=_metadata(address), timeout=DEADLINE_S
        )
        metadata = await call.initial_metadata()
        await call
        return int(str(dict(metadata or ())["x-user-id"]))

    async def login(self, name: str, password: str = PASSWORD, address: str = "", agent: str = "") -> TokenResponse:
        metadata = (*_metadata(address), *((("x-user-agent", agent),) if agent else ()))
        return await self.stub.Login(AuthRequest(name=name, password=password), metadata=metadata, timeout=DEADLINE_S)

    async def login_with(self, name: str, password: str = PASSWORD, address: str = "", **metadata: str) -> "Login":
        """A login with further metadata: `x_device_tokens`, `x_refresh_token`."""
        pairs = tuple((key.replace("_", "-"), value) for key, value in metadata.items())
        request = AuthRequest(name=name, password=password)
        call = self.stub.Login(request, metadata=(*_metadata(address), *pairs), timeout=DEADLINE_S)
        tokens = await call
        return Login(tokens, str(dict(await call.initial_metadata() or ())["x-device-tokens"]))

    async def refresh(self, token: str | None, user_id: str | None = None, address: str = "") -> TokenResponse:
        pairs = [("x-refresh-token", token), ("x-user-id", user_id)]
        metadata = (*_metadata(address), *((key, value) for key, value in pairs if value is not None))
        return await self.stub.Refresh(Empty(), metadata=metadata, timeout=DEADLINE_S)

    async def logout(self, token: str | None, access: str | None = None) -> None:
        refresh = () if token is None else (("x-refresh-token", token),)
        await self.stub.Logout(Empty(), metadata=(*refresh, *_bearer(access)), timeout=DEADLINE_S)

    async def verify(self, access: str | None) -> Account:
        return await self.stub.Verify(Empty(), metadata=_bearer(access), timeout=DEADLINE_S)

    async def delete_account(self, access: str) -> None:
        await self.stub.DeleteAccount(Empty(), metadata=_bearer(access), timeout=DEADLINE_S)

    async def list_sessions(self, access: str) -> SessionList:
        return await self.stub.ListSessions(Empty(), metadata=_bearer(access), timeout=DEADLINE_S)

    async def revoke_session(self, access: str, session_id: str) -> None:
        request = RevokeSessionRequest(session_id=session_id)
        await self.stub.RevokeSession(request, metadata=_bearer(access), timeout=DEADLINE_S)


async def failure(call: Awaitable[object]) -> Failure:
    """How `call` fails; a failed assertion if it succeeds."""
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    error = caught.value
    trailing = dict(error.trailing_metadata() or ())
    retry = trailing.get("retry-after-s")
    return Failure(
        error.code(),
        str(trailing.get("x-error-code", "")),
        str(error.details()),
        None if retry is None else int(str(retry)),
    )


def session_of(access: str) -> str:
    """The session id in an access token."""
    return str(jwt.decode(access, options={"verify_signature": False})["sid"])


def _metadata(address: str) -> tuple[tuple[str, str], ...]:
    return (("x-client-address", address),) if address else ()


def _bearer(access: str | None) -> tuple[tuple[str, str], ...]:
    return () if access is None else (("x-authorization-header", f"Bearer {access}"),)
