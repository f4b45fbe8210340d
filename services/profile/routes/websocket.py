"""/v2/user/profile/ws up to its acceptance: the checks of the page's origin and of the user.

A refused request gets a plain HTTP answer instead of the upgrade, so that the reason is visible.
"""

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from services.common.errors import ApiError, InvalidError
from services.common.tokens import AccessClaims
from services.profile import metrics
from services.profile.access.browser import require_same_origin
from services.profile.access.tickets import offered_ticket, selected_protocol
from services.profile.answers import ANSWERS
from services.profile.live.viewers import Detail
from services.profile.routes.dependencies import Services


class LiveProfile:
    """The ASGI application of the websocket route. From there on it is the ConnectionManager's."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            connection = HTTPConnection(scope)
            detail = _detail(connection.query_params.getlist("detail"))
            claims = await self._admit(connection, scope["subprotocols"])
        except ApiError as error:
            metrics.WEBSOCKETS_REFUSED.labels(error.code).inc()
            await ANSWERS.response(error)(scope, receive, send)
            return
        await self._services.manager.serve(
            scope,
            receive,
            send,
            bearer=claims.bearer,
            subprotocol=selected_protocol(scope["subprotocols"]),
            detail=detail,
        )

    async def _admit(self, connection: HTTPConnection, subprotocols: list[str]) -> AccessClaims:
        require_same_origin(connection, self._services.settings.public_origins)
        ticket = offered_ticket(subprotocols)
        if "authorization" in connection.headers or ticket is None:
            return await self._admit_bearer(connection.headers.get("authorization", ""))
        claims = await self._services.tickets.redeem(ticket)
        await self._services.access.require_not_revoked(claims)
        return claims

    async def _admit_bearer(self, header: str) -> AccessClaims:
        scheme, _, token = header.partition(" ")
        caller = await self._services.access.authenticate(token.strip() if scheme.lower() == "bearer" else None)
        await self._services.accounts.portfolio(caller)  # heals a missing row
        return caller.claims


def _detail(asked: list[str]) -> Detail:
    """Raises InvalidError."""
    if asked in ([], ["full"]):
        return Detail.FULL if asked else Detail.PLAIN
    raise InvalidError("invalid_request", "detail: may be full, or absent.")
