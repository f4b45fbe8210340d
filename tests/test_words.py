"""The check of the repository's words: each use is found, in prose and in names, and the repository has none."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import REPOSITORY

CHECK = REPOSITORY / ".ci" / "words.py"
FORMS = sorted(runpy.run_path(str(CHECK))["FORMS"])


@pytest.fixture
def check(tmp_path: Path) -> Path:
    """The check in an empty repository."""
    (tmp_path / ".ci").mkdir()
    return Path(shutil.copy(CHECK, tmp_path / ".ci"))


def run(check: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, check], capture_output=True, text=True, timeout=60, check=False)


def test_the_repository_has_none() -> None:
    done = run(CHECK)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_form_is_found_in_prose_and_in_names(check: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("".join(f"{form.capitalize()} it.\n" for form in FORMS))
    (tmp_path / "page.ts").write_text("".join(f"const has{form.capitalize()} = true\n" for form in FORMS))
    (tmp_path / "rules.py").write_text("".join(f"last_{form} = 1\n" for form in FORMS))

    done = run(check)

    assert done.returncode == 1
    assert [line.partition(";")[0] for line in done.stdout.splitlines()] == [
        f"{name}:{number}: {form}"
        for name in ("README.md", "page.ts", "rules.py")
        for number, form in enumerate(FORMS, 1)
    ]


def test_a_quoted_contract_and_generated_files_are_left_alone(check: Path, tmp_path: Path) -> None:
    (tmp_path / "contract.py").write_text(f'ANSWER = "{FORMS[0]}"  # words: as specified\n')
    for name in ("web/node_modules/package/index.js", ".venv/module.py", "proto/prices_pb2.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(f"{FORMS[0]} = 1\n")

    assert run(check).returncode == 0
