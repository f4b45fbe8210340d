"""Secrets: drawn once, the same for ever, for their owner's eyes."""

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.credentials import PASSWORDS, load_or_make
from deploy.local.errors import LaunchError


def test_secrets_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        load_or_make(tmp_path / "secrets.json")
    finally:
        os.umask(umask)

    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_secrets_stay_the_same(tmp_path: Path) -> None:
    first = load_or_make(tmp_path / "secrets.json")

    assert load_or_make(tmp_path / "secrets.json") == first


def test_two_installations_share_no_secret(tmp_path: Path) -> None:
    one, other = load_or_make(tmp_path / "one.json"), load_or_make(tmp_path / "other.json")

    drawn = [*one.passwords.values(), *one.jwt_keys.values(), *other.passwords.values(), *other.jwt_keys.values()]
    assert len(drawn) == len(set(drawn)) == 2 * (len(PASSWORDS) + 1)


def test_signing_key_is_named_for_the_day_it_was_made_and_long_enough(tmp_path: Path) -> None:
    before = datetime.now(UTC).date().isoformat()
    credentials = load_or_make(tmp_path / "secrets.json")
    after = datetime.now(UTC).date().isoformat()

    assert credentials.jwt_active_kid in (before, after)
    assert len(credentials.jwt_keys[credentials.jwt_active_kid].encode()) >= 32


def test_a_password_that_a_newer_version_needs_is_added_to_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    whole = load_or_make(path)
    stored = json.loads(path.read_text())
    del stored["passwords"]["redis"]
    path.write_text(json.dumps(stored))

    mended = load_or_make(path)

    assert mended.passwords["redis"] != whole.passwords["redis"]
    assert mended.passwords | {"redis": whole.passwords["redis"]} == whole.passwords
    assert mended.jwt_keys == whole.jwt_keys
    assert load_or_make(path) == mended


def test_secrets_do_not_show_when_printed(tmp_path: Path) -> None:
    credentials = load_or_make(tmp_path / "secrets.json")

    assert not any(secret in repr(credentials) for secret in credentials.passwords.values())


DAMAGED = [
    b"",
    b"{",
    b"{}",
    b"[]",
    b"\xff\xfe\x00",
    b'{"passwords": {"postgres": 1}}',
    b"null",
    b'{"passwords": {"postgres": "\xff"}}',
    b'{"passwords": ' + b"[" * 100_000,
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_named_with_the_way_out_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secrets.json"
    path.write_bytes(content)

    with pytest.raises(LaunchError, match=r"secrets\.json is damaged .*put a copy of it back.*`make clean`"):
        load_or_make(path)

    assert path.read_bytes() == content


def test_a_file_cut_anywhere_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    load_or_make(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(LaunchError):
            load_or_make(path)
