"""deploy/Dockerfile keeps the rules of an image that one would run: what a linter would ask, and a few of ours."""

import re
import tomllib

import pytest

from deploy.local import web
from tests.containers import dockerfile
from tests.containers.compose import OURS
from tests.containers.dockerfile import Instruction
from tests.processes import REPOSITORY

STAGES = dockerfile.stages()
ALL = dockerfile.instructions()
FINAL_STAGES = pytest.mark.parametrize("final", [STAGES[""], STAGES["with-web-app"]], ids=["default", "with-web-app"])


def test_no_latest_and_no_moving_base_image() -> None:
    defaults = dict(word.split("=", 1) for step in ALL if step.name == "ARG" for word in step.words if "=" in word)
    bases = {step.words[0] for step in ALL if step.name == "FROM"}
    assert bases - set(STAGES) == {"${PYTHON_IMAGE}", "${NODE_IMAGE}"}
    assert re.fullmatch(r"node:\d+\.\d+\.\d+-\w+-slim", defaults["NODE_IMAGE"])
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", defaults["PYTHON_IMAGE"])


def test_only_plain_instructions() -> None:
    allowed = {"ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "STOPSIGNAL", "ENTRYPOINT", "HEALTHCHECK"}
    assert {step.name for step in ALL} <= allowed


def test_node_is_one_that_the_web_app_can_be_built_with() -> None:
    (version,) = [re.findall(r"\d+", step.text) for step in ALL if step.text.startswith("NODE_IMAGE=")]
    assert tuple(map(int, version[:2])) >= web.NODE_NEEDED


def test_the_web_app_is_built_from_all_that_its_digest_is_made_of() -> None:
    copied = {word for step in STAGES["web-app"] if step.name == "COPY" for word in step.words[:-1]}
    packages = {"web/.npmrc", "web/package.json", "web/package-lock.json"}
    assert copied - packages == {f"web/{name}" for name in web.SOURCES}


@FINAL_STAGES
def test_the_final_stage_runs_as_a_fixed_user_that_is_not_root(final: list[Instruction]) -> None:
    (user,) = [step.text for step in final if step.name == "USER"]
    uid, gid = user.split(":")
    assert int(uid) >= 10_000
    assert int(gid) >= 10_000


@FINAL_STAGES
def test_the_final_stage_installs_nothing(final: list[Instruction]) -> None:
    assert not [step for step in final if step.name == "RUN"]
    assert all(step.flags for step in final if step.name == "COPY")


def test_node_is_fetched_for_the_web_app_alone() -> None:
    assert dockerfile.copied_stages(STAGES[""]) == ["build"]
    assert dockerfile.copied_stages(STAGES["with-web-app"]) == ["build", "web-app"]
    assert [step.name for step in ALL][-1] == "FROM", "the default stage adds nothing"


@FINAL_STAGES
def test_the_process_starts_without_a_shell_in_between(final: list[Instruction]) -> None:
    by_name = {step.name: step for step in final}
    assert by_name["ENTRYPOINT"].text.startswith("[")
    assert by_name["HEALTHCHECK"].text.startswith("CMD [")
    assert by_name["STOPSIGNAL"].text == "SIGTERM"


def test_every_install_checks_hashes() -> None:
    installs = [step.text for step in ALL if step.name == "RUN" and " install " in step.text]
    assert len(installs) == 2
    assert all("--require-hashes" in text for text in installs)
    npm = [step.text for step in ALL if step.name == "RUN" and "npm" in step.text]
    assert npm[0] == "npm ci", "what differs from the hashes of package-lock.json is refused"
    assert not re.search(r"\b(?:install|npx|exec)\b", npm[1])


def test_what_is_copied_exists_and_is_in_the_context() -> None:
    allowed = dockerfile.allowed_in_context()
    copies = [step for step in ALL if step.name == "COPY" and not step.flags]
    sources = [word for step in copies for word in step.words[:-1]]
    assert sources
    assert [source for source in sources if not (REPOSITORY / source).exists()] == []
    assert sorted(allowed) == sorted(sources), "what the context lets in is what is copied, no more"


def test_the_image_declares_no_secret() -> None:
    named = [word.split("=")[0] for step in ALL if step.name in {"ARG", "ENV"} for word in step.words]
    assert [name for name in named if re.search("SECRET|PASSWORD|TOKEN|KEY|URL", name)] == []


def test_each_service_is_an_extra_and_a_package() -> None:
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for service in OURS:
        assert service in extras
        assert (REPOSITORY / "services" / service).is_dir() != (REPOSITORY / service).is_dir()
