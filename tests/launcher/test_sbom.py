"""`make sbom`: what the lock files hold, and nothing else, is on the bills of materials."""

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.node import skip_without_node
from tests.processes import REPOSITORY


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that the script has written; without Node it ends after the first bill."""
    directory = tmp_path_factory.mktemp("sbom")
    subprocess.run([REPOSITORY / "deploy" / "sbom.sh", directory], check=False)
    return directory


def listed(bill: Path) -> set[str]:
    """`name@version` of every component."""
    document = json.loads(bill.read_text())
    assert document["bomFormat"] == "CycloneDX"
    assert document["metadata"]["component"]["version"]
    return {unquote(re.sub(r"^pkg:\w+/", "", component["purl"])) for component in document["components"]}


def test_every_python_package_of_the_lock_is_listed(bills: Path) -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    locked = {f"{name}@{version}" for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE)}
    assert len(locked) > 100
    assert listed(bills / "python.cdx.json") == locked


def test_every_package_of_the_web_app_s_lock_is_listed(bills: Path) -> None:
    skip_without_node()
    packages = json.loads((REPOSITORY / "web" / "package-lock.json").read_text())["packages"]
    locked = {f"{path.rpartition('node_modules/')[2]}@{entry['version']}" for path, entry in packages.items() if path}
    assert len(locked) > 100
    assert listed(bills / "web.cdx.json") == locked
