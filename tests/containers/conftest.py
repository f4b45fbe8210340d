"""The compose file as a person gets it who has run deploy/secrets.sh, and images built without an engine."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.containers import compose
from tests.containers.native import NativeBuild
from tests.processes import REPOSITORY


@pytest.fixture(scope="session")
def secrets_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a full set of generated secrets."""
    deploy = tmp_path_factory.mktemp("deploy")
    script = shutil.copy(REPOSITORY / "deploy" / "secrets.sh", deploy)
    for directory in ("clickhouse", "redis"):
        shutil.copytree(REPOSITORY / "deploy" / directory, deploy / directory)
    subprocess.run(["sh", script], check=True, capture_output=True)
    return deploy / "secrets"


@pytest.fixture(scope="session")
def document(secrets_dir: Path) -> dict[str, Any]:
    """deploy/compose.yaml with nothing set but the place of the secrets."""
    return compose.load({"SECRETS_PATH": str(secrets_dir)})


@pytest.fixture(scope="session")
def services(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = document["services"]
    return found


@pytest.fixture(scope="session")
def native_build() -> Iterator[NativeBuild]:
    """Runs the Dockerfile's steps on this machine; each service's image is built once a session."""
    root = Path(tempfile.mkdtemp(prefix="crypto-test-image-"))
    yield NativeBuild(root)
    shutil.rmtree(root)
