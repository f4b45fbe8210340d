"""Each image's steps, run here: they install exactly one service, with checked hashes, and what they install starts."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from deploy.local import web
from tests.containers import dockerfile
from tests.containers.compose import OURS
from tests.containers.native import NativeBuild, NativeImage, StepFailedError
from tests.node import skip_without_node
from tests.processes import REPOSITORY

pytestmark = pytest.mark.timeout(300)

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
names = [module.name for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
names = [name for name in names if ".migrations" not in name and not name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(*names)
"""


@pytest.fixture(params=OURS)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def image(native_build: NativeBuild, service: str) -> NativeImage:
    return native_build.image(service)


def test_the_service_has_all_it_imports(image: NativeImage, service: str) -> None:
    package = service if service == "simulator" else f"services.{service}"
    done = image.run(["python", "-W", "error", "-c", IMPORT_ALL, package])
    assert done.returncode == 0, done.stderr
    assert f"{package}.app" in done.stdout.split()


def test_it_holds_one_service_and_no_tools(image: NativeImage, service: str) -> None:
    app = image.root / "app"
    rooms = {path.name for path in (app / "services").iterdir() if path.is_dir()}
    others = rooms - {"common", "market", "market_api", "exchanges", "backfill", "__pycache__"}
    assert others == ({service} - {"simulator", "backfill"})
    assert "backfill" in rooms
    assert not (app / "services" / "backfill" / "backfill").exists()
    assert (app / "simulator").exists() == (service == "simulator")
    assert not [path.name for path in (image.root / "venv" / "bin").iterdir() if re.match(r"pip|uvx?$", path.name)]
    assert {path.name for path in image.root.iterdir()} == {"app", "venv"}


def test_the_entry_point_passes_its_arguments_on(image: NativeImage, service: str) -> None:
    package = service if service == "simulator" else f"services.{service}"
    start = image.root / "app" / "start"
    assert image.entrypoint == [str(start)]
    assert start.read_text().splitlines() == ["#!/bin/sh", f'exec python -m {package} "$@"']
    assert os.access(start, os.X_OK)


def test_a_wrong_setting_ends_it_with_a_sentence(native_build: NativeBuild) -> None:
    image = native_build.image("simulator")
    done = image.run(image.entrypoint, {"OPS_PORT": "none"})
    assert done.returncode == 2
    assert re.search("^setting OPS_PORT: ", done.stderr, re.MULTILINE)


def test_code_is_compiled_for_a_read_only_file_system(image: NativeImage) -> None:
    modules = list((image.root / "app").rglob("*.py"))
    compiled = list((image.root / "app").rglob("*.pyc"))
    assert len(modules) == len(compiled) > 10


def test_a_package_with_another_hash_is_refused(tmp_path: Path, native_build: NativeBuild) -> None:
    native_build.image("simulator")  # its shared steps are this test's, too
    context = _context(tmp_path)
    lock = context / "requirements.lock"
    head, separator, tail = lock.read_text().partition("\nwebsockets==")
    forged, rest = re.split(r"\n(?=\S)", tail, maxsplit=1)
    lock.write_text(head + separator + re.sub("[0-9a-f]{64}", "0" * 64, forged) + "\n" + rest)
    with pytest.raises(StepFailedError, match=r"(?i)hash"):
        _sibling(native_build, context).image("simulator")


def test_a_package_that_is_not_locked_is_refused(tmp_path: Path, native_build: NativeBuild) -> None:
    native_build.image("simulator")
    context = _context(tmp_path)
    lock = context / "requirements.lock"
    lock.write_text(re.sub(r"(?m)^websockets==.*\n(?: .*\n)*", "", lock.read_text()))
    with pytest.raises(StepFailedError, match=r"(?i)hash"):
        _sibling(native_build, context).image("simulator")


def test_a_package_of_the_web_app_with_another_hash_is_refused(tmp_path: Path, native_build: NativeBuild) -> None:
    skip_without_node()
    native_build.image("simulator")
    context = _context(tmp_path)
    for name in ("proto", "services", "simulator"):
        (context / name).symlink_to(REPOSITORY / name)
    shutil.copytree(web.WEB, context / "web", ignore=shutil.ignore_patterns("node_modules", "dist*"))
    lock = context / "web" / "package-lock.json"
    packages = json.loads(lock.read_text())
    packages["packages"]["node_modules/svelte"]["integrity"] = f"sha512-{'A' * 86}=="
    lock.write_text(json.dumps(packages))
    with pytest.raises(StepFailedError, match=r"^npm ci\n(?s:.*)EINTEGRITY"):
        _sibling(native_build, context).image("simulator", "with-web-app")


def test_an_unknown_service_is_refused(tmp_path: Path, native_build: NativeBuild) -> None:
    native_build.image("simulator")
    with pytest.raises(StepFailedError):
        _sibling(native_build, REPOSITORY).image("nothing")


def test_the_healthcheck_of_the_image_is_the_probe(image: NativeImage) -> None:
    assert image.healthcheck == ["python", "-m", "services.common.probe"]
    done = image.run(image.healthcheck, {"OPS_PORT": "1"})
    assert (done.returncode, done.stderr) == (1, "")
    (flags,) = [step.flags for step in dockerfile.instructions() if step.name == "HEALTHCHECK"]
    assert "--start-interval=1s" in flags


def _context(tmp_path: Path) -> Path:
    """A copy of what the first steps read."""
    for name in ("pyproject.toml", "requirements.lock", "deploy/local/uv.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    return tmp_path


def _sibling(build: NativeBuild, context: Path) -> NativeBuild:
    """A build from another context that goes on from the steps which `build` has done already."""
    root = context / "images" if context != REPOSITORY else build.root / "other"
    root.mkdir()
    (root / "python").symlink_to(build.root / "python")
    return NativeBuild(root, context, _shared_done=True)
