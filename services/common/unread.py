"""A limit for clients that leave an answer unread, and so have it kept in our memory."""

import asyncio
from collections.abc import Callable

TIMEOUT_S = 30.0
"""How long a client may leave an answer unread, but for `MIN_READ_BYTES`."""
MIN_READ_BYTES = 16 * 1024


class UnreadLimit:
    """Runs while a connection's buffer is full: `expire` is called once the client has read too little of it."""

    def __init__(self, unread_bytes: Callable[[], int], expire: Callable[[], None]) -> None:
        self._unread_bytes = unread_bytes
        self._expire = expire
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Give the client `TIMEOUT_S` from now on."""
        self._timer = asyncio.get_running_loop().call_later(TIMEOUT_S, self._require_progress, self._unread_bytes())

    def cancel(self) -> None:
        """End the limit, if it runs."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _require_progress(self, unread_bytes: int) -> None:
        if self._unread_bytes() > unread_bytes - MIN_READ_BYTES:
            self._expire()
        else:
            self.start()
