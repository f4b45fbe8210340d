"""Checks of the web app without a browser: types, unit tests, locked packages, and the size of its scripts."""

import gzip
import json
import re
import shutil
from pathlib import Path

from deploy.local import web
from tests.web.conftest import npm

MAX_INITIAL_SCRIPT_BYTES = 150 * 1000
"""Compressed by gzip: what the portfolio needs before it shows anything."""


def test_types_are_those_of_the_api(bundle: None) -> None:
    done = npm("types:check")
    assert done.code == 0, f"run `npm run types` in web/\n{done.output}"


def test_the_source_keeps_to_its_types(bundle: None) -> None:
    done = npm("check")
    assert done.code == 0, done.output


def test_a_change_of_the_contract_breaks_the_check(bundle: None, tmp_path: Path) -> None:
    copy = tmp_path / "web"
    shutil.copytree(web.WEB, copy, ignore=shutil.ignore_patterns("node_modules", "dist*"))
    (copy / "node_modules").symlink_to(web.WEB / "node_modules")
    schema = copy / "src" / "api" / "schema.d.ts"
    kept = schema.read_text()
    assert "readonly Quantities: {" in kept
    schema.write_text(kept.replace("readonly Quantities: {", "readonly Amounts: {"))
    done = npm("--prefix", str(copy), "check")
    assert done.code != 0
    assert "Quantities" in done.output


def test_units(bundle: None) -> None:
    done = npm("test")
    assert done.code == 0, done.output


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads((web.WEB / "package-lock.json").read_text())["packages"]
    assert not any("resolved" in package for package in packages.values())
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in packages[""]["devDependencies"].values())


def test_the_first_script_is_small_and_charts_come_later(bundle: None) -> None:
    page = (web.BUNDLE / "index.html").read_text()
    first = set(re.findall(r'(?:src|href)="(/assets/[^"]+\.js)"', page))
    portfolio = {f"/assets/{path.name}" for path in (web.BUNDLE / "assets").glob("PortfolioPage-*.js")}
    scripts = _with_imports(first | portfolio)
    assert not any("lightweight-charts" in path for path in scripts)
    total = sum(len(gzip.compress((web.BUNDLE / path[1:]).read_bytes(), 9)) for path in scripts)
    assert total <= MAX_INITIAL_SCRIPT_BYTES, f"{total} bytes: {sorted(scripts)}"


def _with_imports(paths: set[str]) -> set[str]:
    """These files and all that they import, but for what is loaded later."""
    found: set[str] = set()
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        code = (web.BUNDLE / path[1:]).read_text()
        imports = re.findall(r'(?:\bfrom|\bimport)\s*["`]\./([\w.-]+\.js)["`]', code)
        waiting += [f"/assets/{name}" for name in imports]
    return found
