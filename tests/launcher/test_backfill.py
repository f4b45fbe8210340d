"""`make backfill` runs the service's command with what the running launcher knows."""

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.local import backfill
from deploy.local.lock import only_launcher

REMEMBERED = {"CLICKHOUSE_URL": "http://crypto:secret@127.0.0.1:1/crypto", "EXCHANGE_SOURCE": "simulator"}


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SYMBOL", "btcusdt ethusdt")
    for name in ("DAYS", "FROM", "TO", "CLICKHOUSE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The arguments of what would have become of this process."""
    calls: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.extend(arguments))
    return calls


def test_it_runs_with_the_launchers_environment(
    state_dir: Path, executed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYS", "3")
    backfill.remember(state_dir, REMEMBERED)
    with only_launcher(state_dir):
        backfill.main()

    _, command, environment = executed
    assert command[1:] == ["-m", "services.backfill", "btcusdt", "ethusdt", "--days", "3"]
    assert command[0] == sys.executable
    assert environment.items() >= REMEMBERED.items()


def test_a_span_can_be_given(state_dir: Path, executed: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM", "2026-01-01")
    monkeypatch.setenv("TO", "2026-02-01")
    backfill.remember(state_dir, REMEMBERED)
    with only_launcher(state_dir):
        backfill.main()

    assert executed[1][-4:] == ["--from", "2026-01-01", "--to", "2026-02-01"]


def test_its_environment_holds_a_password_and_is_for_its_owner(state_dir: Path) -> None:
    backfill.remember(state_dir, REMEMBERED)

    assert stat.S_IMODE((state_dir / backfill.ENVIRONMENT).stat().st_mode) == 0o600


def test_it_requires_a_running_launcher(state_dir: Path, executed: list[Any]) -> None:
    backfill.remember(state_dir, REMEMBERED)

    with pytest.raises(SystemExit, match="`make run` must be running"):
        backfill.main()
    assert executed == []


def test_it_requires_clickhouse(state_dir: Path, executed: list[Any]) -> None:
    backfill.remember(state_dir, REMEMBERED)
    backfill.forget(state_dir)

    with only_launcher(state_dir), pytest.raises(SystemExit, match="has no ClickHouse"):
        backfill.main()


@pytest.mark.parametrize("content", ["", "[]", '{"CLICKHOUSE_URL": 1}'])
def test_what_is_damaged_is_named(state_dir: Path, executed: list[Any], content: str) -> None:
    (state_dir / backfill.ENVIRONMENT).write_text(content)

    with (
        only_launcher(state_dir),
        pytest.raises(SystemExit, match=r"backfill\.json is damaged: start `make run` again"),
    ):
        backfill.main()
    assert executed == []


def test_without_a_symbol_it_shows_the_usage(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYMBOL")

    with pytest.raises(SystemExit, match="make backfill SYMBOL=btcusdt"):
        backfill.main()
