"""/v2/user/settings: what a person has chosen. A change shows in all of their open websockets at once."""

from fastapi import APIRouter

from services.common.error_answers import documented
from services.common.errors import InvalidError, UnavailableError
from services.market.valuation import Graph
from services.profile.routes.dependencies import PortfolioDep, ServicesDep
from services.profile.routes.jsonbody import JsonRoute
from services.profile.routes.schemas import UserSettings

router = APIRouter(prefix="/v2/user/settings", route_class=JsonRoute, tags=["profile"])


@router.get("", responses=documented(401, 409, 503))
async def read_settings(portfolio: PortfolioDep) -> UserSettings:
    """The caller's settings."""
    return UserSettings(currency=portfolio.currency)


@router.patch("", responses=documented(400, 401, 408, 409, 413, 415, 422, 503))
async def change_settings(body: UserSettings, portfolio: PortfolioDep, services: ServicesDep) -> UserSettings:
    """Change the currency in which the caller's portfolio is valued: an asset that others can be converted into."""
    currency = _known_currency(body.currency, services.manager.graph)
    await services.store.set_currency(portfolio.user_id, currency)
    await services.manager.portfolio_changed(portfolio.user_id)
    return UserSettings(currency=currency)


def _known_currency(text: str, graph: Graph) -> str:
    """The currency as the exchange writes it. Raises InvalidError, UnavailableError."""
    if not graph.known:
        raise UnavailableError(
            "symbols_unknown", "The exchange's symbols are not known yet. Try again in a few seconds."
        )
    currency = graph.asset(text)
    if currency is None or not graph.reaches(currency):
        raise InvalidError("unknown_currency", f"Nothing that the exchange trades can be converted into {text}.")
    return currency
