"""The way in, by the clock: how long a websocket waits for its first document, and what it meets while it waits."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from services.common.errors import ApiError, NotFoundError, UnauthenticatedError, UnavailableError
from services.common.revocations import Bearer
from services.profile.live.admission import Admission
from services.profile.live.clients import Client
from services.profile.live.limits import LiveLimits
from services.profile.live.push import CloseCode
from services.profile.live.seats import Seats
from tests import virtual_time
from tests.virtual_time import now_s

LIMITS = LiveLimits(admission_timeout_s=10, max_admission_s=60)


@dataclass(slots=True)
class Surroundings:
    """What an admission asks: revocations, the fan-out's prices, and reads of prices."""

    revoked: bool = False
    missing: list[str] = field(default_factory=list)
    priced: list[str] = field(default_factory=list)
    fails: bool = False

    async def covers(self, _: Bearer) -> bool:
        if self.fails:
            raise ConnectionError
        return self.revoked

    def unpriced(self, _: object) -> list[str]:
        return self.missing

    async def price(self, symbols: list[str]) -> None:
        self.priced += symbols


def admission(around: Surroundings) -> Admission:
    here = cast("Any", around)
    return Admission(here, here, here, LIMITS)


def client_of(seats: Seats, user_id: int) -> Client:
    return seats.take(cast("Any", None), Bearer(user_id, "session", 1))


async def refusal(admitting: Any) -> tuple[type[ApiError] | None, float]:
    """How an admission ends, and when."""
    try:
        await admitting
    except ApiError as error:
        return type(error), now_s()
    return None, now_s()


def test_a_portfolio_that_does_not_come_is_waited_for_as_long_as_the_limit_allows() -> None:
    async def wait() -> tuple[type[ApiError] | None, float]:
        return await refusal(admission(Surroundings()).admit(client_of(Seats(LIMITS), 1)))

    assert virtual_time.run(wait()) == (UnavailableError, 10)


@pytest.mark.parametrize(("comes_s", "end"), [(45, (None, 45)), (1000, (UnavailableError, 60))])
def test_a_crowd_waits_for_its_turn_while_portfolios_come(
    comes_s: float, end: tuple[type[ApiError] | None, float]
) -> None:
    """One portfolio of another user every nine seconds; and none waits for ever."""

    async def crowd() -> tuple[type[ApiError] | None, float]:
        seats, door = Seats(LIMITS), admission(Surroundings())

        async def one(user_id: int, loaded_s: float) -> tuple[type[ApiError] | None, float]:
            client = client_of(seats, user_id)
            asyncio.get_running_loop().call_at(loaded_s, client.audience.loaded.set)
            return await refusal(door.admit(client))

        others = [one(number, 9.0 * number) for number in range(2, 20)]
        (last, *_) = await asyncio.gather(one(1, comes_s), one(100, 9.0), *others)
        return last

    assert virtual_time.run(crowd()) == end


@pytest.mark.parametrize(("code", "kind"), [(CloseCode.REVOKED, UnauthenticatedError), (CloseCode.GONE, NotFoundError)])
def test_what_ends_a_websocket_while_it_waits_refuses_it(code: CloseCode, kind: type[ApiError]) -> None:
    async def end_meanwhile() -> tuple[type[ApiError] | None, float]:
        client = client_of(Seats(LIMITS), 1)
        loop = asyncio.get_running_loop()
        loop.call_at(3, client.end, code)
        loop.call_at(5, client.audience.loaded.set)
        return await refusal(admission(Surroundings()).admit(client))

    assert virtual_time.run(end_meanwhile()) == (kind, 5)


def test_a_session_that_has_ended_is_refused_at_once() -> None:
    async def admit() -> tuple[type[ApiError] | None, float]:
        return await refusal(admission(Surroundings(revoked=True)).admit(client_of(Seats(LIMITS), 1)))

    assert virtual_time.run(admit()) == (UnauthenticatedError, 0)


def test_without_an_answer_about_revocations_no_websocket_is_let_in() -> None:
    async def admit() -> tuple[type[ApiError] | None, float]:
        client = client_of(Seats(LIMITS), 1)
        client.audience.loaded.set()
        return await refusal(admission(Surroundings(fails=True)).admit(client))

    assert virtual_time.run(admit()) == (UnavailableError, 0)


def test_prices_that_are_missing_are_read_before_the_first_document() -> None:
    async def admit(around: Surroundings) -> None:
        client = client_of(Seats(LIMITS), 1)
        client.audience.loaded.set()
        await admission(around).admit(client)

    around = Surroundings(missing=["btcusdt"])
    virtual_time.run(admit(around))
    assert around.priced == ["btcusdt"]
