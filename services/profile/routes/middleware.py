"""Middleware of every HTTP answer of this service."""

from collections.abc import Collection

from starlette.middleware import Middleware

from services.common.abandoned import CancelAbandoned
from services.common.asgi import LastResort, Measured, SecurityHeaders
from services.common.conventions import HttpConventions
from services.profile import metrics
from services.profile.answers import ANSWERS


def middleware(origins: Collection[str]) -> list[Middleware]:
    """`origins` are our own pages'."""
    return [
        Middleware(Measured, seconds=metrics.HTTP_SECONDS),
        Middleware(SecurityHeaders, origins=origins),
        Middleware(LastResort, answer=ANSWERS.internal),
        Middleware(HttpConventions),
        Middleware(CancelAbandoned, prefix="/v1/market/"),
    ]
