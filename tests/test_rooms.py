"""The rooms of the house: what import-linter cannot see of them."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import REPOSITORY

SERVICES = REPOSITORY / "services"
ONE_HOME = {
    r"market:(last|source|symbols|follows)\b": "services/market/names.py",
    r"\"profile:changes\"": "services/market/names.py",
    r"\"binance\.miniticker": "services/market/names.py",
    r"\"auth:revo": "services/common/revocations.py",
    r"\[\\w\.-\]\"": "services/market/symbols.py",
    r"rstrip\(\"0\"\)": "services/market/decimals.py",
    r"1E-8|1e-8\b": "services/market/decimals.py",
}
"""Patterns of rules, and the one module of the services that may hold each in its code."""


def test_the_vocabulary_needs_nothing_but_msgspec() -> None:
    allowed = sys.stdlib_module_names | {"msgspec", "services"}
    imported = {name.partition(".")[0] for path in (SERVICES / "market").glob("*.py") for name in _imports(path)}
    assert imported - allowed == set()


@pytest.mark.parametrize("pattern", ONE_HOME)
def test_a_rule_has_one_home(pattern: str) -> None:
    found = (path for path in SERVICES.rglob("*.py") if re.search(pattern, _code(path.read_text())))
    holders = {str(path.relative_to(REPOSITORY)) for path in found}
    assert holders == {ONE_HOME[pattern]}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _code(text: str) -> str:
    """Without comments and docstrings."""
    without_docstrings = re.sub(r'"""(?:.|\n)*?"""', "", text)
    return re.sub(r"(?m)^\s*#.*$", "", without_docstrings)
