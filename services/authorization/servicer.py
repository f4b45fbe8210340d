"""proto/auth.proto on top of `service`: messages and metadata in, messages and metadata out."""

from datetime import datetime
from typing import Any

from google.protobuf import empty_pb2
from grpc import aio

from proto import auth_pb2, auth_pb2_grpc
from services.authorization.client import read_client
from services.authorization.service import Authorization
from services.authorization.session_store import Session
from services.common.tokens import Tokens

SERVICE_NAME = auth_pb2.DESCRIPTOR.services_by_name["Auth"].full_name

Context = aio.ServicerContext[Any, Any]


class AuthServicer(auth_pb2_grpc.AuthServicer):
    """One method a call. Errors are `interceptor`'s."""

    def __init__(self, authorization: Authorization) -> None:
        self._authorization = authorization

    async def Register(self, request: auth_pb2.AuthRequest, context: Context) -> empty_pb2.Empty:  # noqa: N802
        user_id = await self._authorization.register(request.name, request.password, read_client(_metadata(context)))
        await context.send_initial_metadata((("x-user-id", str(user_id)),))
        return empty_pb2.Empty()

    async def Login(self, request: auth_pb2.AuthRequest, context: Context) -> auth_pb2.TokenResponse:  # noqa: N802
        metadata = _metadata(context)
        devices, replaced_token = metadata.get("x-device-tokens", ""), metadata.get("x-refresh-token")
        login = await self._authorization.login(
            request.name, request.password, read_client(metadata), devices, replaced_token
        )
        await context.send_initial_metadata((("x-device-tokens", login.devices),))
        return _token_response(login.tokens)

    async def Refresh(self, _: empty_pb2.Empty, context: Context) -> auth_pb2.TokenResponse:  # noqa: N802
        metadata = _metadata(context)
        token, user_id = metadata.get("x-refresh-token"), metadata.get("x-user-id")
        return _token_response(await self._authorization.refresh(token, user_id, read_client(metadata)))

    async def Logout(self, _: empty_pb2.Empty, context: Context) -> empty_pb2.Empty:  # noqa: N802
        await self._authorization.logout(_metadata(context).get("x-refresh-token"), _access_token(context))
        return empty_pb2.Empty()

    async def Verify(self, _: empty_pb2.Empty, context: Context) -> auth_pb2.Account:  # noqa: N802
        bearer, name = await self._authorization.verify(_access_token(context))
        session_id = "" if bearer.session_id is None else str(bearer.session_id)
        return auth_pb2.Account(user_id=bearer.user_id, name=name, session_id=session_id)

    async def DeleteAccount(self, _: empty_pb2.Empty, context: Context) -> empty_pb2.Empty:  # noqa: N802
        await self._authorization.delete_account(_access_token(context))
        return empty_pb2.Empty()

    async def ListSessions(self, _: empty_pb2.Empty, context: Context) -> auth_pb2.SessionList:  # noqa: N802
        bearer, sessions = await self._authorization.list_sessions(_access_token(context))
        return auth_pb2.SessionList(
            sessions=[_session(session, current=session.id == bearer.session_id) for session in sessions]
        )

    async def RevokeSession(  # noqa: N802
        self, request: auth_pb2.RevokeSessionRequest, context: Context
    ) -> empty_pb2.Empty:
        await self._authorization.revoke_session(_access_token(context), request.session_id)
        return empty_pb2.Empty()


def _metadata(context: Context) -> dict[str, str]:
    """Text metadata by key; of a repeated key the last."""
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


def _access_token(context: Context) -> str | None:
    scheme, _, token = _metadata(context).get("x-authorization-header", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _token_response(tokens: Tokens) -> auth_pb2.TokenResponse:
    return auth_pb2.TokenResponse(access=tokens.access, refresh=tokens.refresh)


def _session(session: Session, *, current: bool) -> auth_pb2.Session:
    return auth_pb2.Session(
        id=str(session.id),
        created_at_ms=_ms(session.created_at),
        last_used_at_ms=_ms(session.last_used_at),
        expires_at_ms=_ms(session.expires_at),
        client_address=session.client_address or "",
        user_agent=session.user_agent or "",
        current=current,
    )


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
