"""Room on the disks that the databases write to: reported at the start and while it shrinks, in one sentence."""

import asyncio
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

LOW_BYTES = 1 << 30
FULL_BYTES = 100 << 20
INTERVAL_S = 30.0


class Room:
    """What has been reported of the disk that `place` is on."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._reported = "enough"

    def change(self) -> str:
        """A sentence if the disk is low or full, or no longer, and that has not been reported; else nothing."""
        free = _free_bytes(self._place)
        level = "full" if free < FULL_BYTES else "low" if free < LOW_BYTES else "enough"
        # Half as much again before it counts as better, or a disk at the limit would be reported for ever.
        if level == self._reported or (level == "low" and self._reported == "full" and free < FULL_BYTES * 1.5):
            return ""
        if level == "enough" and free < LOW_BYTES * 1.5:
            return ""
        self._reported = level
        return _sentence(level, self._place, free)


def _free_bytes(place: Path) -> int:
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def _sentence(level: str, place: Path, free: int) -> str:
    megabytes = f"{free >> 20:,} MB"
    if level == "enough":
        return f"The disk of {place} has room again ({megabytes})."
    if level == "low":
        return f"The disk of {place} is nearly full ({megabytes} left). Make room before the databases stop."
    return (
        f"The disk of {place} is full ({megabytes} left). PostgreSQL, Kafka and ClickHouse may fail to write: logins "
        "and changes of portfolios may be refused, and ticks lost, until you make room. Live prices go on."
    )


async def watch(places: Iterable[Path], report: Callable[[str], None]) -> None:
    """Report each change, at once and every `INTERVAL_S`, until cancelled."""
    rooms = [Room(place) for place in places]
    while True:
        for sentence in filter(None, (room.change() for room in rooms)):
            report(sentence)
        await asyncio.sleep(INTERVAL_S)
