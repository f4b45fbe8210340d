"""The ASGI application: routes, errors, headers and pages."""

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from services.common.abandoned import CancelAbandoned
from services.common.asgi import LastResort, Measured, SecurityHeaders
from services.common.conventions import HttpConventions
from services.common.docs_page import add_docs_page
from services.dashboard import metrics
from services.dashboard.answers import ANSWERS

DESCRIPTION = (
    "Prices, history and analytics of the market. Every route is there without /v1 too. Numbers are exact decimals, "
    'times are milliseconds. Every error is {"error": a sentence for a person, "code": a slug for a program}.'
)


def build_api(*routers: APIRouter) -> FastAPI:
    """The application that serves `routers`, under /v1 (which is what the OpenAPI document shows) and without."""
    api = FastAPI(
        title="Crypto-Service market API",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(Measured, seconds=metrics.HTTP_SECONDS),
            Middleware(SecurityHeaders),
            Middleware(LastResort, answer=ANSWERS.internal),
            Middleware(HttpConventions),
            Middleware(CancelAbandoned),
        ],
    )
    ANSWERS.install(api)
    for router in routers:
        api.include_router(router, prefix="/v1")
        api.include_router(router, include_in_schema=False)
    add_docs_page(api, "http://localhost:8083")
    return api
