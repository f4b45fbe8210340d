"""Protection against a list of symbols that suddenly lacks most of them. A rule without I/O."""

from dataclasses import dataclass

BELIEVED_AFTER = 3
"""So many short listings in a row are the truth."""


@dataclass(slots=True)
class ListingGuard:
    """An exchange may answer with a part of its list, or none, and everything followed would end. It must repeat it."""

    _short: int = 0

    def believes(self, known: int, listed: int) -> bool:
        """Whether a listing of `listed` symbols may replace one of `known`."""
        is_short = 2 * listed < known
        self._short = self._short + 1 if is_short else 0
        if self._short >= BELIEVED_AFTER:
            self._short = 0
            return True
        return not is_short
