"""An image without a container engine: every step of deploy/Dockerfile, run on this machine below one directory.

What stands for what: a fresh virtual environment (with pip) for the base image's Python, this machine's Node for the
other's, and a directory for each of the image's own top-level directories, put in wherever a step names it by its
absolute path. What it cannot show: that the base images exist, and that the packages have wheels for their platform
rather than for this one.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.containers import dockerfile
from tests.containers.dockerfile import Instruction
from tests.processes import REPOSITORY

_IMAGE_PATH = re.compile(r"(?<![\w/.}])/(?=(?:app|build|venv)\b)")
_NOT_HERE = ("UV_COMPILE_BYTECODE", "UV_LINK_MODE", "PIP_NO_CACHE_DIR", "PYTHONDONTWRITEBYTECODE")
"""ENV that only concerns size and speed: without it caches serve, the machine's and Python's own."""


class StepFailedError(Exception):
    """A RUN step ended with an error; the text is its output."""


@dataclass(frozen=True, slots=True)
class NativeImage:
    """The files and instructions of the final stage."""

    root: Path
    env: dict[str, str]
    entrypoint: list[str]
    healthcheck: list[str]

    def run(self, command: list[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `command` in the image, with nothing in its environment but the image's and `env`."""
        return subprocess.run(
            command,
            cwd=self.root / "app",
            env={**self.env, **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@dataclass(slots=True)
class NativeBuild:
    """Builds images below `root`. Steps that come before ARG SERVICE are shared, as an engine's cache would."""

    root: Path
    context: Path = REPOSITORY
    _shared_done: bool = False
    _images: dict[str, NativeImage] = field(default_factory=dict)

    def image(self, service: str, target: str = "") -> NativeImage:
        """The image of `service`, as the stage `target` has it. Raises `StepFailedError`."""
        name = f"{service}-{target}"
        if name not in self._images:
            self._images[name] = self._build(service, target, self.root / name)
        return self._images[name]

    def _build(self, service: str, target: str, root: Path) -> NativeImage:
        stages = dockerfile.stages()
        final = stages[target]
        (root / "app").mkdir(parents=True)
        for name in dockerfile.copied_stages(final):
            (root / "build").mkdir()
            self._run_stage(stages[name], root, service)
            shutil.rmtree(root / "build")
        return _finish(final, root)

    def _run_stage(self, stage: list[Instruction], root: Path, service: str) -> None:
        env = {
            "UV_SYSTEM_CERTS": "true",
            **os.environ,
            **_environment(stage, root),
            "PATH": f"{self._base_programs(stage[0])}:/usr/bin:/bin",
        }
        shared = any(step.name == "ARG" for step in stage)
        for step in stage:
            if step.name == "ARG":
                shared, self._shared_done, env["SERVICE"] = False, True, service
            elif step.name == "COPY":
                self._copy(step, root / "build")
            elif step.name == "RUN" and not (shared and self._shared_done):
                _run(step, root, env)

    def _base_programs(self, base: Instruction) -> Path:
        if base.words[0] == "${NODE_IMAGE}":
            return Path(shutil.which("node") or "").parent
        return self._base_python()

    def _base_python(self) -> Path:
        base = self.root / "python"
        if not base.exists():
            subprocess.run([sys.executable, "-m", "venv", base], check=True)
        return base / "bin"

    def _copy(self, step: Instruction, workdir: Path) -> None:
        *sources, target = step.words
        for name in sources:
            source = self.context / name
            if source.is_dir():
                shutil.copytree(source, workdir / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, workdir / target)


def _run(step: Instruction, root: Path, env: Mapping[str, str]) -> None:
    script = _IMAGE_PATH.sub(f"{root}/", step.text)
    done = subprocess.run(
        ["sh", "-c", script], cwd=root / "build", env=env, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise StepFailedError(f"{step.text}\n{done.stdout}{done.stderr}")


def _environment(stage: list[Instruction], root: Path) -> dict[str, str]:
    variables = dockerfile.environment(stage)
    return {name: _IMAGE_PATH.sub(f"{root}/", value) for name, value in variables.items() if name not in _NOT_HERE}


def _finish(stage: list[Instruction], root: Path) -> NativeImage:
    """The last stage only copies from others, to the same places: nothing is left to do but to read it."""
    copies = [step.words for step in stage if step.name == "COPY"]
    assert all(source == target for source, target in copies)
    env = _environment(stage, root)
    env["PATH"] = env["PATH"].replace("$PATH", "/usr/bin:/bin")
    last = {step.name: step for step in stage}
    healthcheck = Instruction("CMD", (), last["HEALTHCHECK"].text.removeprefix("CMD ")).words
    entrypoint = [_IMAGE_PATH.sub(f"{root}/", word) for word in last["ENTRYPOINT"].words]
    return NativeImage(root, env, entrypoint, healthcheck)
