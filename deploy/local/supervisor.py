"""Keeping all components: each starts as soon as what it needs is ready; all end in the opposite order."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from graphlib import TopologicalSorter

from deploy.local.component import Component
from deploy.local.console import Console
from deploy.local.keeper import Keeper


@asynccontextmanager
async def supervise(console: Console) -> AsyncIterator["Supervisor"]:
    """A supervisor; leaving the context ends every process it started, last started first, and waits for that."""
    async with asyncio.TaskGroup() as tasks:
        supervisor = Supervisor(console, tasks)
        try:
            yield supervisor
        finally:
            await supervisor.drain()


class Supervisor:
    """Made by `supervise`. `hurry`: once set, ending means ending at once."""

    def __init__(self, console: Console, tasks: asyncio.TaskGroup) -> None:
        self.hurry = asyncio.Event()
        self.keepers: dict[str, Keeper] = {}
        self._console = console
        self._group = tasks
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, components: Sequence[Component]) -> None:
        """Keep these from now on. What they need and use must be among them or started before."""
        self._console.introduce(*(component.name for component in components))
        self.keepers |= {one.name: Keeper(one, self._console, self.hurry) for one in components}
        for one in components:
            needs, uses = ([self.keepers[name] for name in names] for names in (one.needs, one.uses))
            self._tasks[one.name] = self._group.create_task(self.keepers[one.name].keep(needs, uses), name=one.name)

    async def until_ready(self, timeout_s: float | None) -> dict[str, str]:
        """Wait until all that was started by now is ready, `timeout_s` at most if given.

        Returns what each unready component misses.
        """
        keepers = dict(self.keepers)
        try:
            async with asyncio.timeout(timeout_s):
                for keeper in keepers.values():
                    await keeper.ready.wait()
        except TimeoutError:
            pass
        return {name: keeper.missing for name, keeper in keepers.items() if not keeper.ready.is_set()}

    async def drain(self) -> None:
        """End everything, in layers: nothing loses what it needs while it still runs."""
        for names in reversed(layers([keeper.component for keeper in self.keepers.values()])):
            for name in names:
                self._tasks[name].cancel()
            await asyncio.wait([self._tasks[name] for name in names])


def layers(components: Iterable[Component]) -> list[tuple[str, ...]]:
    """Names in starting order; those of one layer need none of each other. Raises graphlib.CycleError."""
    sorter = TopologicalSorter({component.name: (*component.needs, *component.uses) for component in components})
    sorter.prepare()
    order: list[tuple[str, ...]] = []
    while sorter.is_active():
        ready = sorter.get_ready()
        order.append(ready)
        sorter.done(*ready)
    return order
