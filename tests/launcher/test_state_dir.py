"""Where the launcher keeps what it keeps."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from deploy.local.launch import launch, prepare_state_dir
from deploy.local.settings import LauncherSettings


def test_it_is_the_same_for_processes_in_other_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIR", "state")

    assert LauncherSettings().state_dir == tmp_path / "state"


async def test_an_unwritable_place_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()

    assert await launch(LauncherSettings(state_dir=tmp_path / "file" / "state")) == 1

    assert capsys.readouterr().err.startswith(f"Accounts, secrets and logs cannot be kept in {tmp_path}/file/state: ")


async def test_secrets_that_cannot_be_kept_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secrets.json.partial").mkdir()

    assert await launch(LauncherSettings(state_dir=tmp_path)) == 1

    assert "secrets cannot be kept in" in capsys.readouterr().out


async def test_lost_secrets_of_databases_that_are_there_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "postgres").mkdir()

    assert await launch(LauncherSettings(state_dir=tmp_path)) == 1

    assert "secrets.json is missing, which holds the passwords of the databases" in capsys.readouterr().out
    assert not (tmp_path / "secrets.json").exists()


def test_a_second_launcher_does_not_close_the_way_to_the_first_ones_databases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing it for a moment only would fail what passes through in that moment."""
    prepare_state_dir(tmp_path / "state")
    changed: list[Path] = []
    monkeypatch.setattr(Path, "chmod", lambda path, mode: changed.append(path))

    prepare_state_dir(tmp_path / "state")

    assert tmp_path / "state" not in changed


async def test_the_launching_process_can_still_be_stopped(tmp_path: Path) -> None:
    (tmp_path / "secrets.json.partial").mkdir()  # an early end

    await launch(LauncherSettings(state_dir=tmp_path))

    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take what is another account's")
def test_root_does_not_take_what_another_account_has_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.chown(tmp_path, 65534, 65534)

    assert asyncio.run(launch(LauncherSettings(state_dir=tmp_path))) == 1

    assert "Run as that account, not as root." in capsys.readouterr().err
    assert tmp_path.stat().st_uid == 65534
