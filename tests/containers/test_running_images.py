"""Services migrated, started and asked from their images alone, in the environment of compose.yaml."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import RunningRedis
from tests.containers import compose
from tests.containers.native import NativeBuild, NativeImage
from tests.node import skip_without_node
from tests.processes import Process, free_port, until_ready

Services = dict[str, dict[str, Any]]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def profile_image(native_build: NativeBuild, services: Services) -> NativeImage:
    """profile as compose.yaml has it built."""
    skip_without_node()
    return native_build.image("profile", services["profile"]["build"]["target"])


async def test_authorization_migrates_starts_and_is_healthy_from_its_image_alone(
    services: Services,
    native_build: NativeBuild,
    secrets_dir: Path,
    tmp_path: Path,
    database_url: str,
    own_redis: RunningRedis,
) -> None:
    image = native_build.image("authorization")
    env = _container_env(services["authorization"], secrets_dir, tmp_path, database_url, own_redis.url)
    migrated = image.run([*image.entrypoint, *services["authorization-migrate"]["command"]], env)
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr

    process = _start(image, env)
    try:
        await until_ready(process, int(env["OPS_PORT"]), timeout_s=90)
        assert image.run(image.healthcheck, env).returncode == 0
        own_redis.process.kill()
        unhealthy = image.run(image.healthcheck, env)
        assert unhealthy.returncode == 1
        assert "redis" in unhealthy.stdout
    finally:
        assert process.stop() == 0


async def test_profile_serves_the_web_app_from_its_image_alone(
    services: Services,
    profile_image: NativeImage,
    secrets_dir: Path,
    tmp_path: Path,
    database_url: str,
    redis_url: str,
) -> None:
    env = _container_env(services["profile"], secrets_dir, tmp_path, database_url, redis_url)
    migrated = profile_image.run([*profile_image.entrypoint, *services["profile-migrate"]["command"]], env)
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr

    process = _start(profile_image, env)
    try:
        await until_ready(process, int(env["OPS_PORT"]), timeout_s=90)
        site, headers = f"http://127.0.0.1:{env['HTTP_PORT']}", {"Accept-Encoding": "gzip"}
        async with httpx.AsyncClient(base_url=site, headers=headers, trust_env=False) as client:
            page = await client.get("/")
            assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
            scripts = re.findall(r'src="(/assets/[^"]+\.js)"', page.text)
            answers = [await client.get(path) for path in (*scripts, "/sw.js", "/manifest.webmanifest")]
        assert scripts
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.headers["content-encoding"] for answer in (page, answers[0])} == {"gzip"}
    finally:
        assert process.stop() == 0


def test_the_image_with_the_web_app_holds_the_bundle_and_nothing_it_was_built_with(profile_image: NativeImage) -> None:
    assert profile_image.env["WEB_DIR"] == str(profile_image.root / "app" / "web")
    assert {path.name for path in profile_image.root.iterdir()} == {"app", "venv"}
    assert {path.name for path in (profile_image.root / "app").iterdir()} == {"proto", "services", "start", "web"}
    assert not list((profile_image.root / "app" / "web").rglob("*.ts"))
    assert not list(profile_image.root.rglob("node_modules"))


def test_without_the_target_there_is_no_web_app(native_build: NativeBuild) -> None:
    image = native_build.image("profile")
    assert "WEB_DIR" not in image.env
    assert not (image.root / "app" / "web").exists()


def _container_env(
    service: Mapping[str, Any], secrets_dir: Path, own: Path, database_url: str, redis_url: str
) -> dict[str, str]:
    """The container's environment and secrets, with this machine's ports and servers in them."""
    for target, source in compose.mounted_secrets(service).items():
        (own / target).write_text((secrets_dir / source).read_text())
    (own / "database_url").write_text(database_url)
    (own / "redis_url").write_text(redis_url)
    moved = {
        "SECRETS_DIR": str(own),
        "OPS_PORT": str(free_port()),
        "GRPC_ADDRESS": f"127.0.0.1:{free_port()}",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(free_port()),
    }
    return {**service["environment"], **moved}


def _start(image: NativeImage, env: Mapping[str, str]) -> Process:
    options = {"cwd": image.root / "app"}
    return Process(image.entrypoint, {**image.env, **env}, options).start()
