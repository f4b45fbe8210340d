"""Viewers: users with open websockets, each with one document, and which of them show which symbol."""

from collections.abc import Iterable
from enum import Enum, auto
from typing import Protocol

from services.profile.live import metrics
from services.profile.live.document import PortfolioDocument


class Sink(Protocol):
    """Where frames go: `PushProtocol`, as far as the fan-out knows it."""

    def push(self, frame: bytes) -> bool: ...

    def abort(self) -> None: ...


class Detail(Enum):
    """How much of a document a websocket has asked for."""

    PLAIN = auto()
    FULL = auto()


class Screen:
    """The websockets of a user that show the same document in the same detail. It is rendered once for all."""

    __slots__ = ("detail", "render", "shown", "sinks")

    def __init__(self, detail: Detail) -> None:
        self.detail = detail
        self.render = PortfolioDocument.render_full if detail is Detail.FULL else PortfolioDocument.render
        self.sinks: list[Sink] = []
        self.shown: int | None = None
        """The hash of the frame that all sinks have been sent: an identical one is not sent again."""


class Viewer:
    """A user with open websockets."""

    __slots__ = ("document", "screens", "symbols", "user_id")

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.document: PortfolioDocument | None = None
        self.screens: list[Screen] = []
        self.symbols: frozenset[str] = frozenset()
        """The symbols that the document needs; none before it is loaded."""

    def screen(self, detail: Detail) -> Screen:
        """The one screen of that detail."""
        for screen in self.screens:
            if screen.detail is detail:
                return screen
        self.screens.append(Screen(detail))
        return self.screens[-1]


class Holders:
    """The viewers of each symbol that has any."""

    def __init__(self) -> None:
        self._viewers: dict[str, set[Viewer]] = {}

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._viewers

    @property
    def symbols(self) -> frozenset[str]:
        """All symbols with a viewer."""
        return frozenset(self._viewers)

    def of(self, symbols: Iterable[str]) -> set[Viewer]:
        """The viewers of any of `symbols`, each once."""
        return set[Viewer]().union(*(self._viewers.get(symbol, ()) for symbol in symbols))

    def add(self, viewer: Viewer, symbols: frozenset[str]) -> frozenset[str]:
        """Make `viewer` one of theirs. Returns the symbols that gained their first viewer."""
        added = symbols - self._viewers.keys()
        for symbol in symbols:
            self._viewers.setdefault(symbol, set()).add(viewer)
        metrics.SYMBOLS.set(len(self._viewers))
        return added

    def remove(self, viewer: Viewer, symbols: frozenset[str]) -> frozenset[str]:
        """The opposite of `add`. Returns the symbols that lost their last viewer."""
        for symbol in symbols:
            self._viewers[symbol].discard(viewer)
        dropped = frozenset(symbol for symbol in symbols if not self._viewers[symbol])
        for symbol in dropped:
            del self._viewers[symbol]
        metrics.SYMBOLS.set(len(self._viewers))
        return dropped
