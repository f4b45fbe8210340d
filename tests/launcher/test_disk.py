"""Room on a disk: each change is reported once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import disk
from deploy.local.disk import Room

MB = 1 << 20


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def leave(megabytes: int) -> None:
        monkeypatch.setattr(disk, "_free_bytes", lambda _: megabytes * MB)

    return leave


def test_a_disk_that_fills_and_has_room_again_is_reported_at_each_step(free: Callable[[int], None]) -> None:
    room, reported = Room(Path("/data")), []
    for megabytes in (5000, 900, 800, 50, 120, 90, 300, 1100, 5000):
        free(megabytes)
        reported.append(room.change())

    assert [(" ".join(one.split()[:9])) for one in reported] == [
        "",
        "The disk of /data is nearly full (900 MB",
        "",
        "The disk of /data is full (50 MB left).",
        "",
        "",
        "The disk of /data is nearly full (300 MB",
        "",
        "The disk of /data has room again (5,000 MB).",
    ]


def test_a_place_that_is_not_there_yet_has_the_room_of_its_disk(tmp_path: Path) -> None:
    assert disk._free_bytes(tmp_path / "not" / "yet") > 0
