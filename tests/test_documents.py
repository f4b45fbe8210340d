"""The documents name files, functions and other documents: they must be there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.processes import REPOSITORY

DOCUMENTS = sorted(
    path for path in [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")] if path.name != "README.md"
)
NOT_COMMITTED = re.compile(r"deploy/(\.env|images\.env|secrets/)|NNNN")
"""Made by scripts, or a placeholder."""
TABLE_ROW = re.compile(r"^\| \d+ \| `(?P<path>[\w/.]+)` (?P<names>.*?) \|", re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_exist(document: Path) -> None:
    named = re.findall(r"`((?:services|simulator|deploy|tests|proto|docs|bench)/[\w/.-]+)`", document.read_text())
    assert [name for name in named if not NOT_COMMITTED.search(name) and not (REPOSITORY / name).exists()] == []


def test_the_way_of_a_price_names_what_is_there() -> None:
    rows = TABLE_ROW.findall((REPOSITORY / "docs" / "architecture.md").read_text())
    assert len(rows) == 15
    for path, names in rows:
        for name in re.findall(r"`([\w.]+)`", names):
            assert name in defined_in(path), f"{path} has no {name}"


@cache
def defined_in(path: str) -> frozenset[str]:
    """Functions, classes and `Class.method`s of a module."""
    found: set[str] = set()
    for node in ast.parse((REPOSITORY / path).read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            found.update(f"{node.name}.{method.name}" for method in methods)
    return frozenset(found)
