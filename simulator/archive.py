"""The trades that happened, for REST `aggTrades`: the last `capacity` of the whole market, by symbol and id."""

from collections import deque
from collections.abc import Iterator
from itertools import islice


class Archive:
    """Payloads of aggregate trades. Ids are contiguous per symbol, so a trade's place follows from its id."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._order: deque[deque[bytes]] = deque()
        self._trades: dict[str, deque[bytes]] = {}
        self._next_ids: dict[str, int] = {}

    def add(self, symbol: str, trade_id: int, payload: bytes) -> None:
        """Keep a trade. An id that does not follow the one before it starts the symbol's series anew."""
        trades = self._trades.get(symbol)
        if trades is None or trade_id != self._next_ids[symbol]:
            trades = self._trades[symbol] = deque()
        trades.append(payload)
        self._order.append(trades)
        self._next_ids[symbol] = trade_id + 1
        if len(self._order) > self._capacity:
            self._order.popleft().popleft()

    def since(self, symbol: str, from_id: int) -> Iterator[bytes]:
        """The trades with an id of at least `from_id`, oldest first."""
        trades = self._trades.get(symbol, deque())
        first_id = self._next_ids.get(symbol, 0) - len(trades)
        return islice(trades, max(from_id - first_id, 0), None)

    def last(self, symbol: str, count: int) -> list[bytes]:
        """The newest `count` trades, oldest first."""
        return list(self.since(symbol, self._next_ids.get(symbol, 0) - count))
