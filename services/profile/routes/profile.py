"""/v2/user/profile: the portfolio's document, tickets for watching it live, and its end."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from services.common.error_answers import documented
from services.common.errors import UpgradeRequiredError
from services.profile.access.redis import redis_answers
from services.profile.access.tickets import LIFETIME_S, TICKET_PREFIX
from services.profile.live.document import document_of
from services.profile.live.prices import Price, read_prices
from services.profile.routes.dependencies import CallerDep, CookiesDep, IdentifiedDep, PortfolioDep, ServicesDep
from services.profile.routes.jsonbody import JsonRoute
from services.profile.routes.schemas import Message, ProfileDocument, Ticket

DetailQuery = Annotated[
    Literal["full"] | None, Query(description="With `full`, also `Coins.Values` and `Coins.Times`.")
]

router = APIRouter(prefix="/v2/user/profile", route_class=JsonRoute, tags=["profile"])


@router.get("", response_model=ProfileDocument, responses=documented(401, 409, 422, 503))
async def read_profile(portfolio: PortfolioDep, services: ServicesDep, detail: DetailQuery = None) -> Response:
    """The caller's portfolio and what it is worth now."""
    prices: dict[str, Price] = {}
    document = document_of(portfolio, prices, services.manager.graph)
    with redis_answers():
        prices |= await read_prices(services.redis, document.needed())
    text = document.render(prices) if detail is None else document.render_full(prices)
    return Response(text, media_type="application/json")


@router.delete("", responses=documented(401, 503))
async def delete_profile(
    caller: IdentifiedDep, services: ServicesDep, cookies: CookiesDep, response: Response
) -> Message:
    """Delete the portfolio, the account and its sessions. There is no way back; after a 503, repeat it."""
    await services.accounts.delete(caller)
    await services.manager.portfolio_changed(caller.user_id)
    cookies.clear(response)
    return Message(message="user has deleted")


@router.post("/ws-ticket", responses=documented(401, 409, 503))
async def issue_ticket(caller: CallerDep, _: PortfolioDep, services: ServicesDep) -> Ticket:
    """A single-use ticket with which a browser opens the websocket."""
    ticket = await services.tickets.issue(caller.claims)
    return Ticket(ticket=ticket, expires_in=LIFETIME_S, subprotocol=f"{TICKET_PREFIX}{ticket}")


@router.get("/ws", responses=documented(422, 426), response_model=None)
async def require_websocket(_: DetailQuery = None) -> Response:
    """**A websocket.** It sends the profile document at once and at every change of prices or portfolio.

    Send the access token in the `Authorization` header, or, from a browser, a ticket as a subprotocol.
    """
    raise UpgradeRequiredError(
        "upgrade_required", "This is a websocket: connect with ws:// or wss://.", headers={"Upgrade": "websocket"}
    )
