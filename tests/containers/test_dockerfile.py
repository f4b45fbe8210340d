"""deploy/Dockerfile keeps the rules of an image that one would run: what a linter would ask, and a few of ours."""

import re
import tomllib

from tests.containers import dockerfile
from tests.containers.compose import OURS
from tests.processes import REPOSITORY

BUILD, FINAL = dockerfile.stages()
ALL = dockerfile.instructions()


def test_no_latest_and_no_moving_base_image() -> None:
    defaults = dict(word.split("=", 1) for step in ALL if step.name == "ARG" for word in step.words if "=" in word)
    bases = [step.words[0] for step in ALL if step.name == "FROM"]
    assert bases == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}"]
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", defaults["PYTHON_IMAGE"])


def test_only_plain_instructions() -> None:
    allowed = {"ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "STOPSIGNAL", "ENTRYPOINT", "HEALTHCHECK"}
    assert {step.name for step in ALL} <= allowed


def test_the_final_stage_runs_as_a_fixed_user_that_is_not_root() -> None:
    (user,) = [step.text for step in FINAL if step.name == "USER"]
    uid, gid = user.split(":")
    assert int(uid) >= 10_000
    assert int(gid) >= 10_000


def test_the_final_stage_installs_nothing() -> None:
    assert not [step for step in FINAL if step.name == "RUN"]
    assert [step.flags for step in FINAL if step.name == "COPY"] == [("--from=build",)] * 2


def test_the_process_starts_without_a_shell_in_between() -> None:
    by_name = {step.name: step for step in FINAL}
    assert by_name["ENTRYPOINT"].text.startswith("[")
    assert by_name["HEALTHCHECK"].text.startswith("CMD [")
    assert by_name["STOPSIGNAL"].text == "SIGTERM"


def test_every_install_checks_hashes() -> None:
    installs = [step.text for step in ALL if step.name == "RUN" and " install " in step.text]
    assert len(installs) == 2
    assert all("--require-hashes" in text for text in installs)


def test_what_is_copied_exists_and_is_in_the_context() -> None:
    allowed = dockerfile.allowed_in_context()
    sources = [word for step in BUILD if step.name == "COPY" for word in step.words[:-1]]
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
