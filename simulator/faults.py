"""The misbehaviour asked for and still to come: set by control, obeyed by the stream and REST servers."""

from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    HTTP = "http"
    """Answer the handshake with 503."""
    RESET = "reset"
    """Reset the TCP connection before the handshake."""


@dataclass(slots=True)
class Faults:
    requests_to_ignore: int = 0
    """Websocket requests that will be neither carried out nor answered."""
    refusal: Refusal = Refusal.HTTP
    refuse_until_s: float = 0.0
    """On the event loop's clock."""
    rest_delay_s: float = 0.0
    rest_undelayed: int = 0
    """REST requests that will still be answered without that delay."""
    rest_rejections: int = 0
    """REST requests that will be answered with 429."""
    rest_retry_after_s: int = 1

    def takes_request_to_ignore(self) -> bool:
        if self.requests_to_ignore == 0:
            return False
        self.requests_to_ignore -= 1
        return True

    def takes_rest_delay_s(self) -> float:
        if self.rest_undelayed == 0:
            return self.rest_delay_s
        self.rest_undelayed -= 1
        return 0.0

    def takes_rest_rejection(self) -> bool:
        if self.rest_rejections == 0:
            return False
        self.rest_rejections -= 1
        return True

    def refuses(self, refusal: Refusal, now_s: float) -> bool:
        return self.refusal == refusal and now_s < self.refuse_until_s
