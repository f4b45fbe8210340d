"""Images by digest: `deploy/pin-images.sh` knows every image that is not ours, and what it writes is used."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.containers import compose, dockerfile
from tests.processes import REPOSITORY

IMAGES_ENV = REPOSITORY / "deploy" / "images.env"
PINNED = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")
DOCKER = """
echo "$*" >>"${0%/*}/calls"
[ "$1 $2" != "buildx version" ] || exit 0
for image; do :; done
[ "$image" != "$UNREACHABLE" ] || { echo "no such host" >&2; exit 1; }
[ "$image" != "$ODD" ] || { echo null; exit; }
printf '"sha256:%s"\\n' "$(printf %s "$image" | sha256sum | cut -d ' ' -f 1)"
"""
"""A docker whose registry has every image; its digest is the hash of its name."""


def compose_references() -> dict[str, str]:
    """Variable → image of each service of others. Fails for an image that is not a variable with a tag by default."""
    services = yaml.safe_load(compose.COMPOSE.read_text())["services"]
    images = [service["image"] for service in services.values() if "build" not in service]
    matches = [re.fullmatch(r"\$\{([A-Z_]+_IMAGE):-([\w./-]+:[\w.-]+)\}", image) for image in images]
    assert [image for image, match in zip(images, matches, strict=True) if match is None] == []
    return {match[1]: match[2] for match in matches if match}


def dockerfile_references() -> dict[str, str]:
    """Variable → image of each FROM of another's image. Fails for an image that is not a variable."""
    steps = dockerfile.instructions()
    stages = dockerfile.stages()
    defaults = dict(word.split("=", 1) for step in steps if step.name == "ARG" for word in step.words if "=" in word)
    bases = {step.words[0] for step in steps if step.name == "FROM"} - set(stages)
    return {base.strip("${}"): defaults[base.strip("${}")] for base in bases}


def references() -> dict[str, str]:
    return {**compose_references(), **dockerfile_references()}


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """What the script reads, beside a PATH directory `bin` without docker."""
    (tmp_path / "deploy").mkdir()
    for name in ("pin-images.sh", "compose.yaml", "Dockerfile"):
        shutil.copy(REPOSITORY / "deploy" / name, tmp_path / "deploy")
    (tmp_path / "bin").mkdir()
    for name in ("chmod", "cut", "dirname", "grep", "mktemp", "mv", "rm", "sed", "sha256sum", "tr"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    return tmp_path / "deploy"


@pytest.fixture
def docker(deploy: Path) -> Path:
    program = deploy.parent / "bin" / "docker"
    program.write_text(f"#!/bin/sh\n{DOCKER}")
    program.chmod(0o755)
    return program


def pin(deploy: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", deploy / "pin-images.sh"],
        env={"PATH": str(deploy.parent / "bin"), "UNREACHABLE": "", "ODD": "", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def pinned(images: Mapping[str, str]) -> dict[str, str]:
    return {name: f"{image}@sha256:{hashlib.sha256(image.encode()).hexdigest()}" for name, image in images.items()}


def test_no_image_is_referred_to_in_another_way() -> None:
    assert len(compose_references()) == 7
    assert set(dockerfile_references()) == {"PYTHON_IMAGE", "NODE_IMAGE"}
    flags = [flag for step in dockerfile.instructions() for flag in step.flags if re.search(r"\bfrom=", flag)]
    assert {flag.removeprefix("--from=") for flag in flags} <= set(dockerfile.stages())
    assert not re.search(r"^#\s*syntax\s*=", dockerfile.DOCKERFILE.read_text(), re.MULTILINE)


def test_a_build_gets_the_bases_that_are_set(services: dict[str, dict[str, Any]]) -> None:
    builds = [service["build"] for service in services.values() if "build" in service]
    for build in builds:
        assert {name for name, value in build["args"].items() if value is None} == set(dockerfile_references())
        assert set(build) <= {"context", "dockerfile", "args", "target"}


def test_every_image_is_written_with_its_digest(deploy: Path, docker: Path) -> None:
    done = pin(deploy)

    assert (done.returncode, done.stderr) == (0, "")
    assert compose.variables(str(deploy / "images.env")) == pinned(references())
    asked = (docker.parent / "calls").read_text().splitlines()[1:]
    prefix = "buildx imagetools inspect --format {{json .Manifest.Digest}} "
    assert sorted(asked) == sorted(prefix + image for image in references().values())


@pytest.mark.usefixtures("docker")
def test_containers_then_run_from_digests_alone(deploy: Path) -> None:
    pin(deploy)

    variables = compose.variables(str(deploy / "images.env"))
    services = compose.load({"SECRETS_PATH": "secrets", **variables})["services"]
    images = [service["image"] for service in services.values() if "build" not in service]
    assert [image for image in images if not PINNED.fullmatch(image)] == []


def test_without_docker_one_sentence_names_what_is_needed(deploy: Path) -> None:
    done = pin(deploy)

    assert done.returncode == 1
    assert done.stderr == "docker with its plugin buildx is needed to resolve images to digests.\n"


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (
            "UNREACHABLE",
            """no such host
{image} could not be resolved to a digest; the reason stands above. Is there a way to its registry?
""",
        ),
        ("ODD", "docker returned no digest of {image}: null\n"),
    ],
)
def test_an_image_that_cannot_be_resolved_leaves_the_file_as_it_was(deploy: Path, problem: str, sentence: str) -> None:
    (deploy / "images.env").write_text("before\n")
    image = references()["REDIS_IMAGE"]

    done = pin(deploy, **{problem: image})

    assert done.returncode == 1
    assert done.stderr == sentence.format(image=image)
    assert (deploy / "images.env").read_text() == "before\n"
    assert not list(deploy.glob(".images.env.*"))


def differences(variables: Mapping[str, str]) -> set[str]:
    """The variables without a digest, with another tag than the files, or of no image there, and those missing."""
    expected = references()
    names = {*variables, *expected}
    tags = {name: image.partition("@")[0] for name, image in variables.items() if PINNED.fullmatch(image)}
    return {name for name in names if name not in tags or tags[name] != expected.get(name)}


@pytest.mark.skipif(not IMAGES_ENV.exists(), reason="no digests are committed: make images, where a registry is")
def test_the_committed_digests_are_those_of_the_tags() -> None:
    assert differences(compose.variables(IMAGES_ENV.name)) == set()


def test_a_digest_of_another_tag_a_mere_tag_and_a_missing_image_are_noticed() -> None:
    whole = pinned(references())
    assert differences(whole) == set()
    odd = {
        **whole,
        **pinned({"REDIS_IMAGE": "redis:1.0"}),
        "NODE_IMAGE": references()["NODE_IMAGE"],
        "OLD_IMAGE": "old:1",
    }
    del odd["KAFKA_IMAGE"]
    assert differences(odd) == {"REDIS_IMAGE", "NODE_IMAGE", "OLD_IMAGE", "KAFKA_IMAGE"}
