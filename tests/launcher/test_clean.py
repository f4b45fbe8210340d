"""`make clean` deletes what `make run` made, and nothing else."""

import io
import sys
from pathlib import Path

import pytest

from deploy.local import account, backfill, clean
from deploy.local.credentials import load_or_make
from deploy.local.launch import prepare_state_dir
from deploy.local.lock import only_launcher


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = prepare_state_dir(tmp_path / "state")
    load_or_make(made / "secrets.json")
    for kept in ("kafka", "clickhouse", "postgres"):
        (made / kept / "files").mkdir(parents=True)
    backfill.remember(made, {})
    (made / "notes of mine").touch()
    monkeypatch.setenv("STATE_DIR", str(made))
    monkeypatch.setattr(account, "OUTSIDE", tmp_path / "outside")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return made


def test_only_what_the_launcher_made_is_deleted(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean.main()

    assert sorted(path.name for path in state_dir.iterdir()) == ["lock", "notes of mine"]
    assert f"{state_dir}/secrets.json" in capsys.readouterr().out


def test_nothing_is_deleted_under_a_running_launcher(state_dir: Path) -> None:
    with (
        only_launcher(state_dir),
        pytest.raises(SystemExit, match="Nothing was deleted: `make run` is already"),
    ):
        clean.main()

    assert (state_dir / "secrets.json").exists()
