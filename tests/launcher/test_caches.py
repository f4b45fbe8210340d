"""Caches of tools: where HOME cannot be written, or is no directory, in a place of ours."""

from pathlib import Path

import pytest

from deploy.local import caches


@pytest.fixture(autouse=True)
def _no_caches_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("npm_config_cache", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_a_home_that_can_be_written_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert caches.environment() == {}


@pytest.mark.parametrize("home", ["", "/nonexistent", "/dev/null", "/proc/1", "relative"])
def test_without_one_ours_are(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr("os.access", lambda place, mode: not str(place).startswith("/proc"))

    assert caches.environment() == {"npm_config_cache": str(caches.OURS / "npm"), "XDG_CACHE_HOME": str(caches.OURS)}


def test_a_cache_of_another_account_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `sudo npm`."""
    (tmp_path / ".npm").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("os.access", lambda place, mode: place != tmp_path / ".npm")

    assert caches.environment() == {"npm_config_cache": str(caches.OURS / "npm")}


def test_a_cache_that_the_person_names_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert caches.environment() == {}
