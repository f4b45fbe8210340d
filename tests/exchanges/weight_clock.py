"""The clock by which the exchange's minutes pass for those that count its weight."""

import pytest

from services.exchanges import weight


class WeightClock:
    """A wall clock that sleeping sets forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now_s: float) -> None:
        self.now_s = now_s
        self.slept: list[float] = []
        monkeypatch.setattr(weight, "_clock_s", lambda: self.now_s)
        monkeypatch.setattr(weight, "_sleep", self.sleep)

    async def sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)
        self.now_s += delay_s
