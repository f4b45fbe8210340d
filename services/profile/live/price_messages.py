"""Prices from the feed: decoded, or counted, logged once a minute, and shown in readiness if there are no others."""

import time
from dataclasses import dataclass, field

import structlog

from services.common.flow import Flow
from services.common.health import NotReadyError
from services.common.throttle import Throttle
from services.market.second_stat import MalformedPriceError
from services.profile.live import metrics
from services.profile.live.prices import Price, decode_price

log = structlog.get_logger()

ACCEPTED_WITHIN_S = 10.0


@dataclass(slots=True)
class PriceMessages:
    """Reads the messages of symbol channels."""

    _flow: Flow = field(default_factory=lambda: Flow("price"))
    _throttle: Throttle = field(default_factory=Throttle)

    def read(self, channel: str, payload: bytes, now_s: float) -> Price | None:
        """The price, or None for what is no SecondStat."""
        metrics.MESSAGES.inc()
        try:
            price = decode_price(payload)
        except MalformedPriceError as error:
            self._reject(channel, str(error), now_s)
            return None
        self._flow.accept(now_s)
        return price

    def check(self) -> None:
        """Raises NotReadyError while prices come and every one is rejected."""
        if problem := self._flow.rejection(time.monotonic(), ACCEPTED_WITHIN_S):
            raise NotReadyError(problem)

    def _reject(self, channel: str, reason: str, now_s: float) -> None:
        metrics.MALFORMED.labels("price").inc()
        self._flow.reject(reason, now_s)
        if self._throttle.permits():
            log.warning("feed.price_rejected", channel=channel, error=reason)
