"""The bounds of the live engine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """The bounds of the live engine."""

    max_clients: int = 25_000
    max_clients_per_user: int = 20
    load_timeout_s: float = 5.0
    """One read of a portfolio."""
    load_concurrency: int = 100
    """As many as one statement reads."""
    admission_timeout_s: float = 10.0
    """How long a websocket waits for its portfolio while none comes for any other; beyond, it is refused with 503."""
    max_admission_s: float = 60.0
    """How long it waits at all."""
    stuck_after_s: float = 20.0
    """How long a client may take nothing before it is cut."""
    gather_s: float = 0.01
    """How long a burst of prices is given to arrive whole."""
    listing_interval_s: float = 10.0
    """Between two looks at the exchange's listing."""
    probe_interval_s: float = 2.0
    probe_timeout_s: float = 3.0
    drain_s: float = 5.0
    """Over how long the websockets are closed when the process stops: so long do their reconnects spread."""
    max_age_s: float = 12 * 3600.0
    """About when a websocket must connect, and so authenticate, again: no revocation is missed for longer."""
