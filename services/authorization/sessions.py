"""The rules of sessions: what a presented refresh token means now. No I/O.

A session is one login and the family of refresh tokens that descends from it. Each use spends a token and gives a
new one. A spent token that comes back means that two parties hold the family, so the family ends (RFC 9700, 4.14.2),
except within a short grace, in which two tabs of one browser may have refreshed at once. Of the successors that one
token had in its grace, one line goes on: when it is refreshed after the grace, the others count as spent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

GRACE_USES_MAX = 16
"""How many further tokens one spent token may give within the grace: more tabs than that are not tabs."""


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long things last."""

    lifetime: timedelta
    idle: timedelta
    grace: timedelta
    sessions_per_user_max: int


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A known refresh token and its session, as stored; `now` is the database's clock."""

    now: datetime
    session_revoked: bool
    session_expires_at: datetime
    session_last_used_at: datetime
    spent_at: datetime | None
    grace_uses: int


class Verdict(Enum):
    """What to do with a presented refresh token."""

    ROTATE = auto()
    """It is fresh: spend it and give its successor."""
    GRACE = auto()
    """It was spent a moment ago: give a further successor."""
    REUSE = auto()
    """It was spent before: end the session."""
    OVER = auto()
    """Its session is over already."""


def judge(token: PresentedToken, policy: SessionPolicy) -> Verdict:
    """The verdict on a presented token."""
    idle_until = token.session_last_used_at + policy.idle
    if token.session_revoked or token.now >= min(token.session_expires_at, idle_until):
        return Verdict.OVER
    if token.spent_at is None:
        return Verdict.ROTATE
    if token.now < token.spent_at + policy.grace and token.grace_uses < GRACE_USES_MAX:
        return Verdict.GRACE
    return Verdict.REUSE
