"""What every HTTP answer of this service goes through."""

from starlette.middleware import Middleware

from services.common.asgi import LastResort, Measured, SecurityHeaders
from services.common.conventions import HttpConventions
from services.profile import metrics
from services.profile.answers import ANSWERS

MIDDLEWARE = [
    Middleware(Measured, seconds=metrics.HTTP_SECONDS),
    Middleware(SecurityHeaders),
    Middleware(LastResort, answer=ANSWERS.internal),
    Middleware(HttpConventions),
]
