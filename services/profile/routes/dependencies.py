"""Dependencies of the routes: the service's parts, and the caller.

All are coroutines: FastAPI runs any other in a thread, which costs more than they do and races with the loop.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from redis.asyncio import Redis

from services.common.signing import Signer, signing_order
from services.profile.access.browser import require_same_origin
from services.profile.access.callers import Access, Caller
from services.profile.access.cookies import REFRESH, Cookies, page_of
from services.profile.access.tickets import Tickets
from services.profile.accounts import Accounts
from services.profile.live.manager import ConnectionManager
from services.profile.portfolio.rules import Portfolio
from services.profile.portfolio.store import PortfolioStore
from services.profile.settings import ProfileSettings
from services.profile.upstream.authorization_client import Authorization, ClientInfo
from services.profile.upstream.dashboard_client import Market
from services.profile.upstream.holdings import Holdings
from services.profile.upstream.leases import Leases

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="The access token that a login gives.")
_cookie = APIKeyCookie(name=REFRESH, auto_error=False, description="The refresh token that a login sets.")


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of this service, made once by `app`."""

    settings: ProfileSettings
    store: PortfolioStore
    authorization: Authorization
    accounts: Accounts
    access: Access
    tickets: Tickets
    leases: Leases
    holdings: Holdings
    market: Market
    manager: ConnectionManager
    redis: Redis


async def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
BearerDep = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def authenticated(services: ServicesDep, bearer: BearerDep) -> Caller:
    return await services.access.authenticate(bearer.credentials if bearer else None)


CallerDep = Annotated[Caller, Depends(authenticated)]


async def identified(services: ServicesDep, bearer: BearerDep) -> Caller:
    return services.access.identify(bearer.credentials if bearer else None)


IdentifiedDep = Annotated[Caller, Depends(identified)]
"""For what the authorization service judges itself: the caller's session may have ended."""


async def portfolio_of(services: ServicesDep, caller: CallerDep) -> Portfolio:
    """The caller's portfolio; its row is made now if it is missing."""
    return await services.accounts.portfolio(caller)


PortfolioDep = Annotated[Portfolio, Depends(portfolio_of)]


async def client_of(request: Request) -> ClientInfo:
    """The peer, or whom a trusted proxy names (`proxy_headers` in app.py)."""
    return ClientInfo(request.client.host if request.client else None, request.headers.get("user-agent"))


ClientInfoDep = Annotated[ClientInfo, Depends(client_of)]


async def same_origin(request: Request, services: ServicesDep) -> None:
    require_same_origin(request, services.settings.public_origins)


SameOrigin = Depends(same_origin)


async def cookies_of(request: Request, services: ServicesDep) -> Cookies:
    settings = services.settings
    page = page_of(request, settings.public_origins, allow_insecure=settings.insecure_cookies)
    signer = Signer(signing_order(settings.jwt_keys), purpose="refresh token owner")
    return Cookies(request.cookies, page, signer, settings.refresh_cookie_max_age_s)


CookiesDep = Annotated[Cookies, Depends(cookies_of)]


async def refresh_token(cookies: CookiesDep, _: Annotated[str | None, Depends(_cookie)]) -> str:
    return cookies.require_refresh_token()


RefreshTokenDep = Annotated[str, Depends(refresh_token)]
