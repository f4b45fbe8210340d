"""The exchange's list of symbols, asked of socket: at once, at each reconnection, and every few minutes."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from grpc.aio import AioRpcError

from proto.socket_pb2 import ListSymbolsRequest, SymbolList
from services.aggregator import metrics
from services.aggregator.streams import is_unimplemented
from services.aggregator.symbols import Directory
from services.common.backoff import Backoff
from services.common.grpc import CALL_TIMEOUT_S
from services.exchanges.listing_guard import ListingGuard
from services.market.symbols import Listing, normal_symbol

if TYPE_CHECKING:
    from proto.socket_pb2_grpc import SocketServiceAsyncStub  # exists for type checkers alone

log = structlog.get_logger()

REFRESH_S = 300.0


class SymbolListing:
    """`run` keeps the directory's listing fresh; a peer that lacks the RPC leaves it to learn from prices."""

    def __init__(
        self,
        stub: "SocketServiceAsyncStub",
        directory: Directory,
        reopened: asyncio.Event,
        on_listed: Callable[[list[Listing]], None] = lambda _: None,
    ) -> None:
        self._stub = stub
        self._directory = directory
        self._reopened = reopened
        self._on_listed = on_listed
        self._guard = ListingGuard()

    async def run(self) -> None:
        backoff = Backoff(base_s=0.2, cap_s=5.0)
        while True:
            await asyncio.sleep(backoff.next_delay_s())
            self._reopened.clear()
            if await self._refresh():
                backoff.reset()
                await self._until_stale()

    async def _refresh(self) -> bool:
        try:
            answer = await self._stub.ListSymbols(ListSymbolsRequest(), timeout=CALL_TIMEOUT_S)
        except AioRpcError as error:
            if is_unimplemented(error):
                self._take([])
            return is_unimplemented(error)
        listings = _listings(answer)
        if self._guard.believes(self._directory.listed, len(listings)):
            self._take(listings)
        else:
            log.warning("symbols.listing_doubted", symbols=len(listings), known=self._directory.listed)
        return True

    def _take(self, listings: list[Listing]) -> None:
        self._directory.replace(listings)
        self._on_listed(listings)
        metrics.LISTED_SYMBOLS.set(len(listings))
        log.info("symbols.listed", symbols=len(listings))

    async def _until_stale(self) -> None:
        try:
            async with asyncio.timeout(REFRESH_S):
                await self._reopened.wait()
        except TimeoutError:
            return


def _listings(answer: SymbolList) -> list[Listing]:
    named = ((normal_symbol(listed.symbol), listed) for listed in answer.symbols)
    return [Listing(symbol, listed.base, listed.quote, listed.status) for symbol, listed in named if symbol]
