"""`make clean` deletes what `make run` made, and nothing else."""

import io
import shutil
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
    monkeypatch.setenv("YES", "1")
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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", [io.StringIO("y\n"), Terminal("\n"), Terminal("n\n")])
def test_nothing_is_deleted_without_consent(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, answer: io.StringIO
) -> None:
    monkeypatch.delenv("YES")
    monkeypatch.setattr(sys, "stdin", answer)

    with pytest.raises(SystemExit, match=r"Nothing was deleted\."):
        clean.main()

    assert (state_dir / "secrets.json").exists()


def test_a_person_who_agrees_is_heard(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES")
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))

    clean.main()

    assert not (state_dir / "secrets.json").exists()


def test_the_databases_outside_go_too(state_dir: Path) -> None:
    ours = account.outside_state_dir(state_dir / "postgres")
    ours.mkdir(parents=True)
    shutil.rmtree(state_dir)  # a run has begun already

    clean.main()

    assert not account.outside_dir().exists()


def test_those_of_another_state_dir_stay(state_dir: Path) -> None:
    ours = account.outside_state_dir(state_dir / "postgres")
    theirs = account.outside_state_dir(state_dir.with_name("other") / "postgres")
    program = account.outside_dir() / "redis-server-0123456789ab"
    for place in (ours, theirs, program):
        place.mkdir(parents=True)

    clean.main()

    assert not ours.exists()
    assert theirs.exists()
    assert program.exists(), "the other one may run it"
