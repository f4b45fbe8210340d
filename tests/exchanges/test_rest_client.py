"""What a client of the exchange's REST interface learns from each answer."""

import time

import pytest
from prometheus_client import Counter

from services.exchanges import rest_client
from services.exchanges.binance.exchange import Binance
from services.exchanges.errors import RateLimitedError, RestError
from services.exchanges.rest_client import _sent_s, open_rest_client
from tests.backfill.exchange import Answer, scripted_exchange

REQUEST = Binance.time_request()
requests = Counter("test_rest_client_requests", "Requests of these tests.", ["outcome"])


@pytest.mark.parametrize(
    ("headers", "sent_s"),
    [
        ({"Date": "Thu, 01 Jan 2026 00:00:07 GMT"}, 1_767_225_607),
        ({"Date": "today"}, None),
        ({"Date": "Thu, 01 Jan 99999 00:00:07 GMT"}, None),
        ({"Date": "Thu, 01 Jan 2026 00:00:07 +99999999999"}, None),
        ({}, None),
    ],
)
def test_the_time_of_an_answer_is_its_date_if_it_has_one(headers: dict[str, str], sent_s: float | None) -> None:
    assert _sent_s(headers) == sent_s


async def test_the_exchanges_clock_and_count_are_noted_also_of_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of ours that runs ahead by an hour."""
    monkeypatch.setattr(rest_client, "_clock_s", lambda: time.time() + 3_600)
    answers = [Answer({}, headers={"X-MBX-USED-WEIGHT-1M": "70"}), Answer({}, 503, {"X-MBX-USED-WEIGHT-1M": "90"})]
    with scripted_exchange(lambda path, query: answers.pop(0)) as exchange:
        rest = open_rest_client(exchange.url, Binance(), requests)
        async with rest.client:
            await rest.get(REQUEST)
            assert -3_660 < rest.limit.ahead_s < -3_540
            assert rest.limit.used >= 70
            with pytest.raises(RestError):
                await rest.get(REQUEST)
            assert rest.limit.used >= 90


@pytest.mark.parametrize("status", [429, 418])
async def test_after_a_ban_nothing_is_sent_until_it_is_over(status: int) -> None:
    asked: list[str] = []

    def script(path: str, query: dict[str, str]) -> Answer:
        asked.append(path)
        return Answer({}, status, {"Retry-After": "600"})

    with scripted_exchange(script) as exchange:
        rest = open_rest_client(exchange.url, Binance(), requests)
        async with rest.client:
            for _ in range(2):
                with pytest.raises(RateLimitedError):
                    await rest.get(REQUEST)
    assert len(asked) == 1
