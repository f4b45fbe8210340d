"""What the exchange sent, in order: the oracle that tests compare against.

One record per trade and per mini-ticker; a `!miniTicker@arr` frame is one record for each of its tickers. Kinds:
"aggTrade", "miniTicker", and "skipped" for trades that happened but were kept off the stream on request. Frames sent
out of turn (repeated, malformed) are not in it: it records what a listener should end up with.
As a line: `{"kind":"aggTrade","symbol":"BTCUSDT","receivers":1,"data":{…}}`, `receivers` being the number of
connections that the trade's own stream, or the all-market stream, had at that moment.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple


class Record(NamedTuple):
    kind: str
    symbol: str
    receivers: int
    payload: bytes

    def line(self) -> bytes:
        return b'{"kind":"%b","symbol":"%b","receivers":%d,"data":%b}' % (
            self.kind.encode(),
            self.symbol.encode(),
            self.receivers,
            self.payload,
        )


class Journal:
    """The last `size` records in memory and, when a path is given, all of them in that file (one a line)."""

    def __init__(self, size: int, path: Path | None) -> None:
        self._records: deque[Record] = deque(maxlen=size)
        self._file: BinaryIO | None = path.open("wb", buffering=1 << 20) if path else None

    def add(self, record: Record) -> None:
        self._records.append(record)
        if self._file is not None:
            self._file.write(record.line() + b"\n")

    def select(self, symbol: str | None, kind: str | None) -> Iterator[Record]:
        """The records still in memory, oldest first."""
        for record in self._records:
            if symbol in (None, record.symbol) and kind in (None, record.kind):
                yield record

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
