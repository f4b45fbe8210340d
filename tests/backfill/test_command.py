"""What the command refuses before it has written anything."""

import time
from collections.abc import Iterator

import pytest

from services.backfill.command import main
from services.exchanges.binance.exchange import Binance
from services.exchanges.errors import RestError
from services.exchanges.registry import EXCHANGES
from tests.backfill.exchange import Answer, scripted_exchange
from tests.processes import free_port


@pytest.fixture
def exchange_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An exchange that knows what time it is and no more; there is no ClickHouse."""
    monkeypatch.setenv("CLICKHOUSE_URL", f"http://crypto:secret-word@127.0.0.1:{free_port()}/crypto")
    monkeypatch.setenv("EXCHANGE_SOURCE", "simulator")
    monkeypatch.delenv("EXCHANGE", raising=False)
    monkeypatch.setenv("BACKFILL_PATIENCE_S", "0")

    def script(path: str, query: dict[str, str]) -> Answer:
        return Answer({"serverTime": int(time.time() * 1_000)} if path == "/api/v3/time" else [])

    with scripted_exchange(script) as exchange:
        monkeypatch.setenv("EXCHANGE_REST_URL", exchange.url)
        yield exchange.url


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--from", "2100-01-01"], "2100-01-01 00:00 is in the future: there are no candles yet"),
        (["--from", "2026-01-02", "--to", "2026-01-01"], "nothing lies between 2026-01-02 00:00 and 2026-01-01 00:00"),
        (["--from", "soon"], "'soon' is not a time; write 2026-01-31, 2026-01-31T12:00Z or ms since 1970"),
        (["--from", "1960-01-01"], "there are no candles before 1970"),
        (["--days", "99999"], "there are no candles before 1970"),
        (["--intervals", "1m,5m"], "'5m' is not an interval; there are 1s, 1m, 1h, 1d"),
        (["btc/usdt"], "'btc/usdt' cannot be a symbol"),
    ],
)
def test_misuse_is_reported_in_a_sentence(
    exchange_url: str, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert main(["btcusdt", *arguments]) == 2
    output = capsys.readouterr()
    assert output.err == f"error: {sentence}\n"
    assert output.out == ""


@pytest.mark.parametrize("days", ["0", "-1", "ten", "1.5", "99999999999"])
def test_days_are_counted(exchange_url: str, capsys: pytest.CaptureFixture[str], days: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["btcusdt", f"--days={days}"])
    assert f"'{days}' is not a number of days" in capsys.readouterr().err


def test_the_source_of_the_prices_is_required(
    exchange_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXCHANGE_SOURCE")
    with pytest.raises(SystemExit, match="2"):
        main(["btcusdt"])
    assert "EXCHANGE_SOURCE must name what EXCHANGE_REST_URL leads to" in capsys.readouterr().err


def test_the_chosen_exchange_is_asked(
    exchange_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(Binance):
        @staticmethod
        def parse_time(body: bytes) -> int:
            raise RestError("elsewhere there is no time")

    monkeypatch.setitem(EXCHANGES, "elsewhere", Elsewhere())
    monkeypatch.setenv("EXCHANGE", "elsewhere")
    assert main(["btcusdt"]) == 1
    assert "error: elsewhere there is no time" in capsys.readouterr().err


def test_an_exchange_that_is_not_known_is_refused(
    exchange_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE", "simulator")
    with pytest.raises(SystemExit, match="2"):
        main(["btcusdt"])
    assert f"EXCHANGE: it must be one of: {', '.join(EXCHANGES)}" in capsys.readouterr().err


def test_without_an_exchange_the_command_reports_it(
    exchange_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("EXCHANGE_REST_URL", url)
    assert main(["btcusdt"]) == 1
    assert capsys.readouterr().err.startswith(f"error: no answer from {url}")


def test_without_clickhouse_the_command_reports_it(exchange_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["btcusdt"]) == 1
    output = capsys.readouterr()
    assert "error: no answer from ClickHouse at 127.0.0.1:" in output.err
    assert "secret-word" not in output.err + output.out
