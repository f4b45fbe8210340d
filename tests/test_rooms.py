"""The rooms of the house: what import-linter cannot see of them."""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import REPOSITORY
from tests.rules import rules_in

SERVICES = REPOSITORY / "services"
HOMES = {
    "agreed name": {"services/market/names.py"},
    "revocation": {"services/common/revocations.py"},
    "decimal pattern": {
        "services/market/decimals.py",
        "simulator/decimals.py",  # the exchange's own form, which the simulator imitates: eight places
    },
    "symbol pattern": {
        "services/market/symbols.py",
        # Words of other kinds, which look alike.
        "services/common/settings.py",  # a source's name
        "services/profile/routes/accounts.py",  # a session's id
        "services/profile/upstream/authorization_client.py",  # lines of device tokens
        "deploy/local/clickhouse/engine.py",  # a name in SQL
        "deploy/local/postgres.py",  # a database's name
    },
    "percent": {
        "services/market/decimals.py",
        "services/backfill/report.py",  # progress, in whole percent
    },
    "shortest decimal": {"services/market/decimals.py"},
}
"""Rules, and the modules of services, launcher and simulator that may hold each in their code."""
COPIES = {
    "agreed name": ['CHANNEL = "market:source"', 'key = f"profile:ticket:{ticket}"', "TOPIC = 'binance.miniticker'"],
    "revocation": [
        'await redis.get(f"auth:revoked:user:{user_id}")',
        "void = claims.issued_at_s <= int(until)",
        'void = payload["iat"] < until',
    ],
    "decimal pattern": [
        r'NUMBER = re.compile(r"\d+(\.\d+)?")',
        r'price: Annotated[str, Meta(pattern=r"^[0-9]{1,20}(?:\.[0-9]{1,18})?$")]',
        r're.fullmatch(rf"-?[0-9]+(?:\.[0-9]{{1,{PLACES}}})?", text)',
        r're.match(r"[0-9.]+$", text)',
        r'from re import fullmatch; fullmatch(r"[0-9]+\.?[0-9]*", text)',
        r'DIGITS = 18; FORM = rf"[0-9]+\.[0-9]{{1,{DIGITS}}}"; parse = re.compile(FORM).fullmatch',
    ],
    "symbol pattern": [
        'SYMBOL = re.compile("[a-z0-9]{2,20}")',
        r'symbol: Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,40}$")]',
        r're.fullmatch(rf"\w{{1,{MAX}}}", text)',
        're.fullmatch("[A-Z]+", text, re.I)',
        "if not text.isalnum(): raise ValueError",
    ],
    "percent": [
        "moved = (price - opened) / opened * 100",
        "moved = 100 * changed / opened",
        'moved = (price / opened - 1) * Decimal("100")',
        "moved = changed * HUNDRED / opened",
        'moved = ratio.quantize(Decimal("0.00000001"))',
    ],
    "shortest decimal": ['text = text.rstrip("0").rstrip(".")', "text = str(number.normalize())"],
}
"""Code that states each rule once more."""


def test_the_vocabulary_needs_nothing_but_msgspec() -> None:
    allowed = sys.stdlib_module_names | {"msgspec", "services"}
    imported = {name.partition(".")[0] for path in (SERVICES / "market").glob("*.py") for name in _imports(path)}
    assert imported - allowed == set()


def test_a_rule_has_one_home() -> None:
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for path in _modules():
        for rule, _ in rules_in(path.read_text()):
            holders[rule].add(str(path.relative_to(REPOSITORY)))
    assert holders == HOMES


@pytest.mark.parametrize(("rule", "copy"), [(rule, copy) for rule, copies in COPIES.items() for copy in copies])
def test_a_copy_of_a_rule_is_found(rule: str, copy: str) -> None:
    assert rule in {found for found, _ in rules_in(copy)}


@pytest.mark.parametrize(
    "code",
    [
        '"""Prices are in market:last, and 1E-8 is the last place."""',
        'share = settings.limit_percent / 100; kept = done * 100; name = "market"; ms = seconds * 1000 / 2',
        r'version = re.compile(r"(\d{4})_(\w+)\.sql"); time_ms = re.compile("[0-9]{10,13}")',
        'path = url.rstrip("/"); form = unicodedata.normalize("NFC", text)',
    ],
)
def test_what_is_no_copy_is_not_found(code: str) -> None:
    assert list(rules_in(code)) == []


def _modules() -> Iterator[Path]:
    for directory in ("services", "deploy", "simulator"):
        yield from (REPOSITORY / directory).rglob("*.py")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
