"""The ASGI application: routes, errors, headers and the documentation page."""

from collections.abc import Collection

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import WebSocketRoute

from services.common.docs_page import add_docs_page
from services.profile.answers import ANSWERS
from services.profile.routes import accounts as account_routes
from services.profile.routes import coins as coin_routes
from services.profile.routes import market as market_routes
from services.profile.routes import profile as profile_routes
from services.profile.routes import settings as settings_routes
from services.profile.routes.dependencies import Services
from services.profile.routes.middleware import middleware
from services.profile.routes.websocket import LiveProfile
from services.profile.settings import ProfileSettings
from services.profile.web.app import WebApp

DESCRIPTION = (
    "Accounts and live crypto portfolios. Register, log in, add coins, then watch the portfolio's value over the "
    'websocket at /v2/user/profile/ws. Every error is {"error": a sentence for a person, "code": a slug for a program}.'
)


def build_api(services: Services) -> FastAPI:
    """The application that serves `services`."""
    api = describe_api(services.settings.public_origins)
    api.state.services = services
    api.router.routes.append(WebSocketRoute("/v2/user/profile/ws", LiveProfile(services)))
    add_docs_page(api, "http://localhost:8080")
    _add_home(api, services.settings)
    return api


def describe_api(origins: Collection[str] = ()) -> FastAPI:
    """Every route of the OpenAPI document, with nothing behind them yet. `origins` are those of our own pages."""
    api = FastAPI(
        title="Crypto-Service",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,  # `routes.jsonbody` decides
        middleware=middleware(origins),
    )
    ANSWERS.install(api)
    for routes in (account_routes, coin_routes, profile_routes, settings_routes, market_routes):
        api.include_router(routes.router)
    return api


def _add_home(api: FastAPI, settings: ProfileSettings) -> None:
    if settings.web_dir is not None:
        WebApp(settings.web_dir).install(api)
        return

    @api.get("/", include_in_schema=False)
    async def home(_: Request) -> Response:
        return RedirectResponse("/docs", 307)
