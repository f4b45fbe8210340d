"""/v1: registration, login, tokens and sessions."""

import time
from dataclasses import asdict
from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Response

from services.common.error_answers import documented
from services.common.errors import ApiError, UnauthenticatedError, UnavailableError
from services.common.tokens import Tokens
from services.profile.access.callers import Caller
from services.profile.access.cookies import Cookies
from services.profile.routes.dependencies import (
    BearerDep,
    CallerDep,
    ClientInfoDep,
    CookiesDep,
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
from services.profile.upstream.authorization_client import Browser

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


@router.post(
    "/login",
    responses=documented(*_BODY_ERRORS, 401, 403, 409, 429, 503),
    response_model_exclude_none=True,
    dependencies=[SameOrigin],
)
async def login(
    body: Credentials, services: ServicesDep, client: ClientInfoDep, cookies: CookiesDep, response: Response
) -> LoginAnswer:
    """Open a session: an access token for the `Authorization` header, a refresh token in a cookie.

    A browser gets the refresh token in the cookie alone, and the session whose cookie it brings ends.
    """
    replaced = cookies.refresh_token if cookies.page.browser else None
    browser = Browser(cookies.devices, replaced)
    opened = await services.authorization.login(body.name, body.password, client, browser)
    caller = _caller_of_new(opened.tokens, services)
    await services.accounts.logged_in(caller, opened.tokens, body.name)
    if replaced is not None and caller.claims.session_id is None:
        await _end_replaced_session(replaced, caller, services)
    _set_refresh_cookie(response, cookies, opened.tokens, caller)
    cookies.set_devices(response, opened.devices)
    return LoginAnswer(
        tokens=_pair(opened.tokens, cookies),
        access_token=opened.tokens.access,
        expires_in=_seconds_left(caller),
        persistent=cookies.page.keeps_cookies if cookies.page.browser else None,
    )


@router.post("/refresh", responses=documented(401, 403, 429, 503), dependencies=[SameOrigin])
async def refresh(
    refresh_token: RefreshTokenDep,
    bearer: BearerDep,
    services: ServicesDep,
    client: ClientInfoDep,
    cookies: CookiesDep,
    response: Response,
) -> RefreshAnswer:
    """Spend the cookie's refresh token on new tokens. A bearer token may be expired or absent, not another user's."""
    user_id = (services.access.owner(bearer.credentials) if bearer else None) or cookies.owner
    tokens = await services.authorization.refresh(refresh_token, user_id, client)
    caller = _caller_of_new(tokens, services)
    _set_refresh_cookie(response, cookies, tokens, caller)
    cookies.rename(response)
    return RefreshAnswer(
        tokens=_pair(tokens, cookies),
        access_token=tokens.access,
        expires_in=_seconds_left(caller),
    )


@router.post("/auth/logout", responses=documented(401, 403, 503), dependencies=[SameOrigin])
async def logout(
    caller: CallerDep, refresh_token: RefreshTokenDep, services: ServicesDep, cookies: CookiesDep, response: Response
) -> Message:
    """End this session: its tokens are void and its websockets close."""
    await services.authorization.logout(refresh_token, caller.token)
    cookies.clear(response)
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


def _pair(tokens: Tokens, cookies: Cookies) -> TokenPair:
    """The tokens of the contract. A page needs no refresh token: what its scripts can read, a foreign one can too."""
    return TokenPair(access=tokens.access, refresh="" if cookies.page.browser else tokens.refresh)


def _set_refresh_cookie(response: Response, cookies: Cookies, tokens: Tokens, caller: Caller) -> None:
    # Tokens without a session are the Go original's, which asks for the owner at each refresh.
    owner = caller.user_id if caller.claims.session_id is None else None
    cookies.set_refresh_token(response, tokens.refresh, owner)


async def _end_replaced_session(refresh_token: str, caller: Caller, services: Services) -> None:
    """At the Go original, which does not do it with the login. The login stands if this fails."""
    try:
        await services.authorization.logout(refresh_token, caller.token)
    except ApiError as error:
        log.info("login.replaced_session_stays", code=error.code)
