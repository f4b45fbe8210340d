"""The HTTP interface: followers, symbols and prices. Routes as in docs/contracts.md."""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from fastapi import FastAPI, Query, Request, Response
from starlette.middleware import Middleware

from services.aggregator.answers import ANSWERS, BodyLimit
from services.aggregator.errors import UnknownSymbolError
from services.aggregator.events import Message
from services.aggregator.followers import LEASE_S, Follow
from services.aggregator.follows import Follows
from services.aggregator.intake import wall_clock_ms
from services.aggregator.overview import coins_document, symbols_document
from services.aggregator.prices import LatestPrices
from services.aggregator.recorder import Recorder
from services.aggregator.schemas import (
    CoinsAnswer,
    FollowAnswer,
    FollowerId,
    FollowerSymbols,
    LeaseAnswer,
    SymbolsAnswer,
)
from services.aggregator.streams import StreamState
from services.aggregator.symbols import Directory
from services.common.asgi import LastResort
from services.common.conventions import HttpConventions, is_head
from services.common.docs_page import add_docs_page
from services.common.error_answers import documented
from services.common.json_route import Utf8JsonRoute
from services.market.events import MiniTicker
from services.market.symbols import DELISTED, normal_symbol
from services.market_api.answers import UnknownSymbolAnswer
from services.market_api.parameters import SymbolText

MAX_UNKNOWN_EXPLAINED = 20
"""Near matches cost a search each; further unknown symbols of one request are named without."""


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The state that the routes read and change."""

    latest: LatestPrices
    directory: Directory
    follows: Follows
    tickers: StreamState
    trades: StreamState
    recorder: Recorder[MiniTicker] | None
    tape: Recorder[Message] | None = None


def http_app(context: ApiContext) -> FastAPI:
    """The application; its OpenAPI document is at /openapi.json, to be read at /docs."""
    app = FastAPI(
        title="Aggregator",
        description="Followed symbols and last prices.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,  # a page of another origin cannot send PUT without asking
        middleware=[
            Middleware(LastResort, answer=ANSWERS.internal),
            Middleware(BodyLimit),
            Middleware(HttpConventions),
        ],
    )
    app.router.route_class = Utf8JsonRoute
    ANSWERS.install(app)
    _add_follow_routes(app, context)
    _add_overview_routes(app, context)
    add_docs_page(app, "http://localhost:8088")
    return app


def _add_follow_routes(app: FastAPI, context: ApiContext) -> None:
    symbol_query = Query(description="In any case", examples=["btcusdt"])
    id_query = Query(alias="id", description="The follower", examples=[1])
    until_query = Query(description="`lease`: add to the follower's lease, and store nothing")

    @app.get("/coin", response_model=FollowAnswer, responses=documented(409, 422, 503, s404=UnknownSymbolAnswer))
    async def start(
        request: Request,
        symbol: Annotated[SymbolText, symbol_query],
        follower_id: Annotated[FollowerId, id_query],
        until: Annotated[Literal["lease"] | None, until_query] = None,
    ) -> Response:
        """Follow a symbol until `DELETE /coin`, across restarts; or by a lease of 15 s. Idempotent."""
        follow = Follow(follower_id, context.directory.find(symbol))
        if is_head(request.scope):
            pass  # a look changes nothing
        elif until == "lease":
            context.follows.lease_also(follow)
        else:
            await context.follows.follow(follow)
        return _json({"status": "started", "symbol": follow.symbol})

    @app.delete("/coin", response_model=FollowAnswer, responses=documented(422, 503, s404=UnknownSymbolAnswer))
    async def unfollow(
        symbol: Annotated[SymbolText, symbol_query], follower_id: Annotated[FollowerId, id_query]
    ) -> Response:
        """Stop following a symbol, also one that the exchange does not trade any more. Idempotent."""
        named = normal_symbol(symbol)
        if named is None:
            raise UnknownSymbolError(context.directory.near(symbol))
        await context.follows.unfollow(Follow(follower_id, named))
        return _json({"status": f"for user number {follower_id} stopped", "symbol": named})

    @app.put("/followers/{follower_id}", response_model=LeaseAnswer, responses=documented(400, 413, 422, 503))
    async def lease(follower_id: FollowerId, wanted: FollowerSymbols) -> Response:
        """State the whole set of a follower, for 15 s. It replaces the previous set."""
        known, unknown = _sorted_out(context.directory, wanted.symbols)
        await context.follows.lease(follower_id, known)
        return _json({"id": follower_id, "symbols": known, "unknown": unknown, "expires_in_s": int(LEASE_S)})


def _add_overview_routes(app: FastAPI, context: ApiContext) -> None:
    @app.get("/coins", response_model=CoinsAnswer)
    async def coins() -> Response:
        """Where prices come from, who follows what, and every last price with its age."""
        followers = context.follows.followers
        events = context.recorder.state() if context.recorder else None
        tape = context.tape.state() if context.tape else None
        latest, now_ms, now_s = context.latest, wall_clock_ms(), context.follows.clock_s()
        document = coins_document(latest, followers, context.tickers, context.trades, now_ms, now_s, events, tape)
        return Response(document, media_type="application/json")

    @app.get("/symbols", response_model=SymbolsAnswer, responses=documented(503))
    async def symbols() -> Response:
        """Every symbol that can be followed."""
        return Response(symbols_document(context.directory), media_type="application/json")


def _sorted_out(directory: Directory, texts: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The known symbols, in order and once each; the unknown ones with their near matches, delisted ones without."""
    known: set[str] = set()
    unknown: dict[str, list[str]] = {}
    for text in texts:
        symbol = directory.recognise(text)
        if symbol is not None and directory.listing(symbol).status != DELISTED:
            known.add(symbol)
        elif symbol is not None:
            unknown[text] = []
        elif text not in unknown:
            unknown[text] = directory.near(text) if len(unknown) < MAX_UNKNOWN_EXPLAINED else []
    return sorted(known), unknown


def _json(document: object) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")
