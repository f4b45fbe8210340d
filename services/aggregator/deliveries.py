"""What becomes of a kind's events on their way to Kafka, counted, and logged where a person would act. No I/O."""

from dataclasses import dataclass, field

import structlog

from services.aggregator import metrics

log = structlog.get_logger()


@dataclass(slots=True)
class Deliveries:
    """The deliveries of one kind of event. `waiting` is always the number of events that Kafka has not confirmed."""

    kind: str
    connected: bool = field(default=False, init=False)
    """Whether a producer is open."""
    produced: int = field(default=0, init=False)
    """Events that Kafka has confirmed."""
    lost: int = field(default=0, init=False)
    """Events that were dropped, by an overflow or at a stop."""
    _delivering: bool | None = field(default=None, init=False)
    """Whether the last round has succeeded; None before the first."""
    _overflowed: int = field(default=0, init=False)
    """Events that were dropped since all were delivered last."""

    def open_producer(self) -> None:
        """A producer has been opened."""
        self.connected = True
        metrics.KAFKA_UP.labels(self.kind).set(1)

    def lose_producer(self, reason: str, waiting: int) -> None:
        """The producer has failed for good, or none could be opened."""
        self.connected = False
        metrics.KAFKA_UP.labels(self.kind).set(0)
        metrics.KAFKA_PRODUCER_ENDS.labels(self.kind, reason).inc()
        if self._delivering is None:  # at a start of everything Kafka comes last: nothing a person would act on
            log.info("kafka.awaited", kind=self.kind, reason=reason, waiting=waiting)
        elif self._delivering:
            log.warning("kafka.lost", kind=self.kind, reason=reason, waiting=waiting)
        self._delivering = False

    def confirm(self, number: int, waiting: int) -> None:
        """Kafka has confirmed so many events."""
        self.produced += number
        metrics.EVENTS_PRODUCED.labels(self.kind).inc(number)
        if self._overflowed and not waiting:
            log.info("events.caught_up", kind=self.kind, lost=self._overflowed)
            self._overflowed = 0

    def finish_round(self, duration_s: float, waiting: int) -> None:
        """A round of sending has succeeded."""
        metrics.EVENTS_SEND_SECONDS.labels(self.kind).observe(duration_s)
        if not self._delivering:
            self._delivering = True
            log.info("kafka.delivering", kind=self.kind, waiting=waiting)

    def overflow(self, shed: int, max_bytes: int, waiting: int) -> None:
        """The backlog has dropped so many events, to stay within its bound."""
        if not self._overflowed:
            log.warning("events.overflowing", kind=self.kind, max_bytes=max_bytes, waiting=waiting)
        self._overflowed += shed
        self._lose(shed, "overflow")

    def give_up(self, waiting: int) -> None:
        """What waits will not be delivered."""
        log.warning("events.lost", kind=self.kind, reason="shutdown", events=waiting)
        self._lose(waiting, "shutdown")

    def _lose(self, number: int, reason: str) -> None:
        self.lost += number
        metrics.EVENTS_LOST.labels(self.kind, reason).inc(number)
