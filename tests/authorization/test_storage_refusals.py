"""When readiness names a store that refuses: from its refusal until it stores again, or until a minute is over."""

import pytest

from services.authorization.errors import StoreRefusesError, UnavailableError
from services.authorization.storage import REMEMBERED_S, Storage
from services.common.health import NotReadyError


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def refuse(storage: Storage, store: str) -> None:
    with pytest.raises(StoreRefusesError), storage.storing(store):
        raise StoreRefusesError


async def test_a_store_is_named_until_it_stores_again() -> None:
    storage = Storage()
    await storage.check()
    refuse(storage, "redis")
    refuse(storage, "database")
    with pytest.raises(NotReadyError, match="database and redis refused to store"):
        await storage.check()
    with storage.storing("redis"):
        pass
    with pytest.raises(NotReadyError, match=r"^database refused"):
        await storage.check()
    with pytest.raises(UnavailableError), storage.storing("database"):
        raise UnavailableError
    with pytest.raises(NotReadyError):
        await storage.check()
    with storage.storing("database"):
        pass
    await storage.check()


async def test_a_refusal_is_forgotten_where_nothing_is_stored_for_a_minute() -> None:
    clock = Clock()
    storage = Storage(clock)
    refuse(storage, "database")
    clock.now_s += REMEMBERED_S - 1
    with pytest.raises(NotReadyError):
        await storage.check()
    clock.now_s += 1
    await storage.check()
