"""/v2/coin: the coins of the caller's portfolio. Every change shows in the user's open websockets at once."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from services.common.error_answers import documented
from services.common.errors import InvalidError, NotFoundError
from services.market.decimals import plain
from services.market_api.answers import UnknownSymbolAnswer
from services.profile.portfolio.rules import Coin, parse_symbol
from services.profile.routes.dependencies import PortfolioDep, ServicesDep
from services.profile.routes.jsonbody import JsonRoute
from services.profile.routes.schemas import (
    AggregatorMessage,
    CoinAdded,
    CoinBody,
    Coins,
    Message,
    SymbolBody,
)
from services.profile.upstream.aggregator_client import Followed

router = APIRouter(prefix="/v2/coin", route_class=JsonRoute, tags=["coins"])

_BODY_ERRORS = (400, 401, 408, 409, 413, 415, 422, 503)


@router.get("/symbols", response_model=Coins, responses=documented(401, 409, 503))
async def list_coins(portfolio: PortfolioDep, services: ServicesDep) -> Response:
    """The caller's coins, in the order of adding, with exact quantities."""
    coins = await services.store.coins(portfolio.user_id)
    body = msgspec.json.encode({"there are your coins": [_row(coin) for coin in coins]})
    return Response(body, media_type="application/json")


@router.post("/symbol", status_code=201, responses=documented(*_BODY_ERRORS, s404=UnknownSymbolAnswer))
async def add_coin(body: CoinBody, portfolio: PortfolioDep, services: ServicesDep) -> CoinAdded:
    """Add a coin. Its symbol must be one that the exchange trades, or name an asset, such as usdt or btc."""
    # What is held by itself has no stream of its own: the pairs that value it are followed.
    bare = services.manager.graph.bare_asset(body.symbol) is not None
    if bare:
        followed = Followed("started", body.symbol)
    else:
        followed = await services.leases.follow(body.symbol)
    await services.store.add_coin(portfolio.user_id, body.symbol, body.quantity)
    if not bare:
        services.holdings.add(body.symbol)
    await services.manager.portfolio_changed(portfolio.user_id)
    return CoinAdded(aggregator=AggregatorMessage(status=followed.status, symbol=followed.symbol))


@router.patch("/symbol", responses=documented(*_BODY_ERRORS, 404))
async def set_quantity(body: CoinBody, portfolio: PortfolioDep, services: ServicesDep) -> Message:
    """Replace a coin's quantity."""
    if not await services.store.set_quantity(portfolio.user_id, body.symbol, body.quantity):
        raise _no_such_coin(body.symbol)
    await services.manager.portfolio_changed(portfolio.user_id)
    return Message(message="choosed coin updated V")


@router.delete("/symbol", responses=documented(*_BODY_ERRORS, 404))
async def remove_coin(
    portfolio: PortfolioDep,
    services: ServicesDep,
    symbol: Annotated[str | None, Query(description="Instead of a body, which some clients cannot send here.")] = None,
    body: SymbolBody | None = None,
) -> Message:
    """Remove a coin. The symbol is in the body or in the query."""
    chosen = _chosen_symbol(symbol, body)
    if not await services.store.remove_coin(portfolio.user_id, chosen):
        raise _no_such_coin(chosen)
    await services.manager.portfolio_changed(portfolio.user_id)
    return Message(message="coin has successfully deleted")


def _chosen_symbol(query: str | None, body: SymbolBody | None) -> str:
    symbols = ({parse_symbol(query)} if query is not None else set()) | ({body.symbol} if body else set())
    if len(symbols) != 1:
        raise InvalidError("invalid_symbol", "symbol: name one, in the body or in the query.")
    return symbols.pop()


def _row(coin: Coin) -> dict[str, object]:
    quantity = msgspec.Raw(plain(coin.quantity).encode())
    return {"ID": coin.id, "Symbol": coin.symbol, "Quantity": quantity, "UserID": coin.user_id}


def _no_such_coin(symbol: str) -> NotFoundError:
    return NotFoundError("coin_not_found", f"{symbol} is not in your portfolio.")
