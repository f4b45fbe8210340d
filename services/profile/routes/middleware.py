"""What every HTTP answer of this service goes through."""

from starlette.middleware import Middleware

from services.common.asgi import LastResort, Measured, SecurityHeaders
from services.common.conventions import HttpConventions
from services.profile import metrics
from services.profile.routes.answers import internal_error_response

MIDDLEWARE = [
    Middleware(Measured, seconds=metrics.HTTP_SECONDS),
    Middleware(SecurityHeaders),
    Middleware(LastResort, answer=internal_error_response),
    Middleware(HttpConventions),
]
