"""The trades that a request means, and the queries that find them. No I/O.

A page is found by its last trade (or its first), read along the primary key; then its trades are read by the ids of its
ends, in the format of the request.
"""

from dataclasses import dataclass, replace

from services.dashboard.history import MAX_TIME_S, SETTLED_AFTER_S
from services.market_api.parameters import HistoryFormat

MAX_ID = 2**63 - 1
MAX_MS = MAX_TIME_S * 1000


@dataclass(frozen=True, slots=True)
class TradesRequest:
    """Trades with `from_id` ≤ id < `to_id` and `from_ms` ≤ time < `to_ms`: the first `limit` of them, or the last."""

    symbol: str
    source: str
    limit: int
    form: HistoryFormat
    forward: bool
    from_id: int = 0
    to_id: int = MAX_ID
    from_ms: int = 0
    to_ms: int = MAX_MS

    def parameters(self) -> dict[str, object]:
        return {
            "source": self.source,
            "symbol": self.symbol.upper(),
            "from_id": self.from_id,
            "to_id": self.to_id,
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
        }

    def settled(self, now_s: float) -> bool:
        """Whether its trades have most likely all come, late ones too."""
        return self.to_ms / 1000 + SETTLED_AFTER_S <= now_s


@dataclass(frozen=True, slots=True)
class TradesPage:
    """A request that means at most as many trades as asked for, and the ids at which its neighbours begin or end."""

    request: TradesRequest
    next_id: int | None = None
    previous_id: int | None = None


def page_of(request: TradesRequest, found: int, first_id: int, last_id: int) -> TradesPage:
    """The page of a request of which `found` trades (≤ limit + 1) from `first_id` to `last_id` are there."""
    if not found:
        return TradesPage(replace(request, to_id=request.from_id))
    within = replace(request, from_id=first_id, to_id=last_id + 1)  # what is read then is little, also by a time alone
    if found <= request.limit:
        return TradesPage(within)
    if request.forward:
        return TradesPage(replace(within, to_id=last_id), next_id=last_id)
    return TradesPage(replace(within, from_id=first_id + 1), previous_id=first_id + 1)


_RANGE = (
    "WHERE source = {source:String} AND symbol = {symbol:String} "
    "AND trade_id >= {from_id:Int64} AND trade_id < {to_id:Int64} "
    "AND trade_time >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') "
    "AND trade_time < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')"
)


def ends_query(request: TradesRequest) -> str:
    """How many trades there are, limit + 1 at most, and the first and last id of these."""
    order = "ASC" if request.forward else "DESC"
    first = f"ORDER BY trade_id {order} LIMIT 1 BY trade_id LIMIT {request.limit + 1}"
    return f"SELECT count(), min(trade_id), max(trade_id) FROM (SELECT trade_id FROM trades {_RANGE} {first})"  # noqa: S608


def trades_query(request: TradesRequest) -> str:
    """The trades of a page, with the names and times of the format."""
    return f"SELECT {_COLUMNS[request.form]} FROM trades FINAL {_RANGE} ORDER BY trade_id"  # noqa: S608


_FIGURES = "trade_id, price, quantity, buyer_is_maker, first_id, last_id, event_time, receive_time"
_COLUMNS: dict[HistoryFormat, str] = {
    "json": "trade_id AS id, toUnixTimestamp64Milli(trade_time) AS t, price AS p, quantity AS q, buyer_is_maker AS m, "
    "first_id AS f, last_id AS l",
    "csv": f"trade_time AS time, {_FIGURES}",
    "arrow": f"trade_time AS time, {_FIGURES}",
    "parquet": f"trade_time AS time, {_FIGURES}",
}
