"""Accounts of the services when root starts them."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import clickhouse, confinement
from deploy.local.account import as_account
from deploy.local.component import Component
from deploy.local.confinement import ACCOUNTS, Confinement

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def component(name: str, **env: str) -> Component:
    return Component(name, (sys.executable, "-m", "x"), ready=None, env=env)


def test_each_service_has_an_account_of_its_own_and_is_started_from_where_that_reaches() -> None:
    elsewhere = Confinement("/copy/python", Path("/copy/code"), {"LD_LIBRARY_PATH": "/copy/lib"}, ACCOUNTS)
    names = list(ACCOUNTS)
    confined = elsewhere.confine([component(name) for name in names])
    accounts = [one.account for one in confined]
    assert len({account.uid for account in accounts if account}) == len(names) >= 8
    assert all(account and account.uid not in (0, 65534) for account in accounts)
    assert {(one.command, one.directory) for one in confined} == {(("/copy/python", "-m", "x"), Path("/copy/code"))}
    profile, web = elsewhere.confine([component("profile", WEB_DIR="/root/web"), component("web")])
    assert profile.env["WEB_DIR"] == web.env["WEB_COPY"] == "/copy/code/web/dist"
    assert web.account is None


def test_without_root_all_stays_as_it_is() -> None:
    one = component("profile", WEB_DIR="/web")
    assert Confinement().confine([one]) == [one]


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory that others may enter."""
    directory = Path(tempfile.mkdtemp(prefix="crypto-test-confinement-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@AS_ROOT
def test_what_root_alone_may_read_is_copied_for_the_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    (closed / "services").mkdir(parents=True)
    (closed / "services" / "one.py").write_text("VALUE = 7\n")
    (closed / "services" / "one.py").chmod(0o600)
    (closed / "deploy" / "secrets").mkdir(parents=True)
    (closed / "deploy" / "secrets" / "key").write_text("secret")
    closed.chmod(0o700)
    monkeypatch.setattr(confinement, "REPOSITORY", closed)
    code = tmp_path / "code"
    confinement._with_code(tmp_path, code)
    assert stat.S_IMODE((code / "services" / "one.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((closed / "services" / "one.py").stat().st_mode) == 0o600
    assert not list(code.rglob("key"))


@AS_ROOT
@pytest.mark.skipif(not clickhouse.available(), reason="no ClickHouse engine for this platform")
def test_data_that_root_has_made_become_the_accounts(open_dir: Path) -> None:
    data = open_dir / "clickhouse"
    (data / "store").mkdir(parents=True)
    (data / "store" / "part").write_text("rows")
    account = ACCOUNTS["clickhouse"]
    prepared = clickhouse.prepare(data, 1, "secret", "other", account)
    assert {path.stat().st_uid for path in (prepared.data_dir, *prepared.data_dir.rglob("*"))} == {account.uid}
    assert stat.S_IMODE(prepared.data_dir.stat().st_mode) & 0o077 == 0


@AS_ROOT
def test_one_service_cannot_read_the_environment_of_another() -> None:
    with subprocess.Popen(
        ["/bin/sleep", "60"], cwd="/", env={"SECRET": "x"}, **as_account(ACCOUNTS["profile"])
    ) as other:
        try:
            read = ["/bin/cat", f"/proc/{other.pid}/environ"]
            for name, readable in (("profile", True), ("clickhouse", False)):
                done = subprocess.run(read, cwd="/", capture_output=True, check=False, **as_account(ACCOUNTS[name]))
                assert (done.returncode == 0) is readable
        finally:
            other.kill()
