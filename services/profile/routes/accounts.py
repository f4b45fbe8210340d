"""/v1: registration, login, tokens and sessions."""

import time
from dataclasses import asdict
from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Request, Response

from services.profile.access.browser import clear_refresh_cookie, cookie_is_secure, set_refresh_cookie
from services.profile.access.callers import Caller
from services.profile.errors import UnauthenticatedError, UnavailableError
from services.profile.routes.answers import documented
from services.profile.routes.dependencies import (
    BearerDep,
    CallerDep,
    ClientInfoDep,
    RefreshTokenDep,
    SameOrigin,
    Services,
    ServicesDep,
)
from services.profile.routes.jsonbody import JsonRoute
from services.profile.routes.schemas import (
    Credentials,
    LoginAnswer,
    Message,
    RefreshAnswer,
    Sessions,
    SessionView,
    TokenPair,
)
from services.profile.upstream.authorization_client import Tokens

log = structlog.get_logger()

router = APIRouter(prefix="/v1", route_class=JsonRoute, tags=["accounts"])

_BODY_ERRORS = (400, 408, 413, 415, 422)


@router.post("/register", status_code=201, responses=documented(*_BODY_ERRORS, 409, 429, 503))
async def register(body: Credentials, services: ServicesDep, client: ClientInfoDep) -> Message:
    """Make an account."""
    user_id = await services.authorization.register(body.name, body.password, client)
    if user_id is not None:
        await services.accounts.registered(user_id, body.name)
    return Message(message="user successful created 🎊🤩")


@router.post("/login", responses=documented(*_BODY_ERRORS, 401, 403, 429, 503), dependencies=[SameOrigin])
async def login(
    body: Credentials, services: ServicesDep, client: ClientInfoDep, request: Request, response: Response
) -> LoginAnswer:
    """Open a session: an access token for the `Authorization` header, a refresh token in a cookie."""
    tokens = await services.authorization.login(body.name, body.password, client)
    caller = _caller_of_new(tokens, services)
    await services.accounts.logged_in(caller, body.name)
    _set_cookie(request, response, tokens, services)
    return LoginAnswer(
        tokens=TokenPair(access=tokens.access, refresh=tokens.refresh),
        access_token=tokens.access,
        expires_in=_seconds_left(caller),
    )


@router.post("/refresh", responses=documented(401, 403, 429, 503), dependencies=[SameOrigin])
async def refresh(
    refresh_token: RefreshTokenDep,
    bearer: BearerDep,
    services: ServicesDep,
    client: ClientInfoDep,
    request: Request,
    response: Response,
) -> RefreshAnswer:
    """Spend the cookie's refresh token on new tokens. A bearer token may be expired or absent, not another user's."""
    user_id = services.access.owner(bearer.credentials) if bearer else None
    tokens = await services.authorization.refresh(refresh_token, user_id, client)
    caller = _caller_of_new(tokens, services)
    _set_cookie(request, response, tokens, services)
    return RefreshAnswer(
        tokens=TokenPair(access=tokens.access, refresh=tokens.refresh),
        access_token=tokens.access,
        expires_in=_seconds_left(caller),
    )


@router.post("/auth/logout", responses=documented(401, 403, 503), dependencies=[SameOrigin])
async def logout(
    caller: CallerDep, refresh_token: RefreshTokenDep, services: ServicesDep, request: Request, response: Response
) -> Message:
    """End this session: its tokens are void and its websockets close."""
    await services.authorization.logout(refresh_token, caller.token)
    clear_refresh_cookie(response, secure=cookie_is_secure(request, services.settings.secure_cookie))
    return Message(message="user succesfully logouted 👉🚪")


@router.post("/auth/test", responses=documented(401, 503))
async def try_token(_: CallerDep) -> Message:
    """Whether the access token is good."""
    return Message(message="molodec! 👍")


@router.get("/auth/sessions", responses=documented(401, 503))
async def list_sessions(caller: CallerDep, services: ServicesDep) -> Sessions:
    """Where the caller is logged in."""
    found = await services.authorization.sessions(caller.token)
    return Sessions(sessions=[SessionView(**asdict(session)) for session in found])


@router.delete("/auth/sessions/{session_id}", responses=documented(401, 404, 422, 503))
async def end_session(
    session_id: Annotated[str, Path(pattern="^[0-9A-Za-z_-]{1,64}$")], caller: CallerDep, services: ServicesDep
) -> Message:
    """End one of the caller's sessions: its tokens are void and its websockets close."""
    await services.authorization.revoke_session(caller.token, session_id)
    return Message(message="session has ended")


def _caller_of_new(tokens: Tokens, services: Services) -> Caller:
    """Who the fresh tokens are for. That we cannot read them is the operator's fault, not the user's."""
    try:
        return Caller(services.access.read(tokens.access), tokens.access)
    except UnauthenticatedError as error:
        log.error("tokens.unreadable", hint="JWT_KEYS and JWT_ACCEPT_MINIMAL must fit the authorization service")
        raise UnavailableError(
            "authorization_unavailable", "Accounts cannot be reached now. Try again shortly."
        ) from error


def _seconds_left(caller: Caller) -> int:
    return max(0, caller.claims.expires_at_s - int(time.time()))


def _set_cookie(request: Request, response: Response, tokens: Tokens, services: Services) -> None:
    settings = services.settings
    secure = cookie_is_secure(request, settings.secure_cookie)
    set_refresh_cookie(response, tokens.refresh, max_age_s=settings.refresh_cookie_max_age_s, secure=secure)
