"""Connected clients: a websocket from its arrival to its end, and a user with all of theirs."""

import asyncio

from services.common.revocations import Bearer
from services.profile.live import metrics
from services.profile.live.push import CloseCode, PushProtocol
from services.profile.live.viewers import Detail, Viewer


class Client:
    """One websocket, from its arrival to its end."""

    __slots__ = ("attached", "audience", "bearer", "detail", "ended_with", "ends_s", "socket")

    def __init__(
        self, socket: PushProtocol, bearer: Bearer, audience: "Audience", ends_s: float, detail: Detail
    ) -> None:
        self.socket = socket
        self.detail = detail
        self.bearer = bearer
        self.audience = audience
        self.ends_s = ends_s
        """When it is old enough to be closed (loop time)."""
        self.attached = False
        self.ended_with: CloseCode | None = None

    def end(self, code: CloseCode) -> None:
        """Close the websocket, or refuse it if it is not open yet."""
        if self.ended_with is None:
            self.ended_with = code
            metrics.CLOSED.labels(int(code)).inc()
            if self.attached:
                self.socket.close(code, code.name.lower())


class Audience(Viewer):
    """A viewer with what its admission needs: all its clients, attached or not, and whether its portfolio is there."""

    __slots__ = ("clients", "loaded")

    def __init__(self, user_id: int) -> None:
        super().__init__(user_id)
        self.clients: set[Client] = set()
        self.loaded = asyncio.Event()
