"""Liveness and readiness. Liveness: the event loop runs. Readiness: this process can do its work now.

A dead dependency makes a service unready, never dead: restarting it would not help.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Check = Callable[[], Awaitable[None]]
"""Raises when the dependency does not answer."""

CHECK_TIMEOUT_S = 2.0


class NotReadyError(Exception):
    """Why a check fails, in one line that `/readyz` shows as it is: short, without addresses and secrets."""


@dataclass(slots=True)
class Health:
    """Named readiness checks, and the two phases (starting, draining) in which no check can make us ready."""

    started: bool = False
    draining: bool = False
    _checks: dict[str, Check] = field(default_factory=dict)

    def add_check(self, name: str, check: Check) -> None:
        """Register a dependency. `check` raises when it is not usable; it is given `CHECK_TIMEOUT_S`."""
        self._checks[name] = check

    async def problems(self) -> dict[str, str]:
        """What keeps this process from being ready, by dependency; empty when ready. Safe to cancel."""
        if self.draining:
            return {"lifecycle": "draining"}
        if not self.started:
            return {"lifecycle": "starting"}
        outcomes = await asyncio.gather(*(self._problem(check) for check in self._checks.values()))
        return {name: text for name, text in zip(self._checks, outcomes, strict=True) if text is not None}

    @staticmethod
    async def _problem(check: Check) -> str | None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await check()
        except TimeoutError:
            return f"no answer within {CHECK_TIMEOUT_S:g} s"
        except NotReadyError as problem:
            return str(problem)
        except Exception as error:  # noqa: BLE001 - any error of a dependency's client means: not ready
            return type(error).__name__
        return None
