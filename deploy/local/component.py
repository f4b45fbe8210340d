"""What the launcher knows of one process it keeps."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.local.account import REPOSITORY, Account
from deploy.local.pulse import Pulse

Check = Callable[[], Awaitable[None]]
"""Raises until the component can do its work."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """Another command for a component whose own has never come up. `description` completes "using … instead"."""

    command: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class Component:
    """One row of the table. It starts after what it `needs` and `uses`, and is stopped before that."""

    name: str
    command: tuple[str, ...]
    ready: Check | None
    """None for a command that runs to its end: ready is then a good end."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    pulse: Pulse | None = None
    """How to see that it hangs. It is then ended by force, and starts again."""
    fallback: Fallback | None = None
    needs: tuple[str, ...] = ()
    """It starts only once these are ready."""
    uses: tuple[str, ...] = ()
    """It copes without these, and so waits for them only a little."""
    ports: tuple[int, ...] = ()
    """Fixed ports that must be free before it starts."""
    stop_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None
    directory: Path = REPOSITORY


def answers_ready(ops_port: int) -> Check:
    """Ready when /readyz of a service answers 200; the exception names what is missing otherwise."""

    async def check() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=3) as client:
            answer = await client.get(f"http://127.0.0.1:{ops_port}/readyz")
        if answer.status_code != httpx.codes.OK:
            problems = answer.json().get("problems", {})
            raise ConnectionError(", ".join(f"{name}: {problem}" for name, problem in problems.items()))

    return check
