"""Rules of the vocabulary as they look in code: what a copy of one of them would hold. Nothing is imported or run.

Found by meaning rather than by text: a pattern counts by what it matches, a name by the string it is part of, a formula
by its shape.
"""

import ast
import re
from collections.abc import Iterator, Mapping

from services.common import revocations
from services.market import names

TOO_GENERAL = {names.DEFAULT_SOURCE}
"""Also the name of an exchange."""
AGREED_NAMES = {value for key, value in vars(names).items() if key.isupper() and isinstance(value, str)} - TOO_GENERAL
REVOCATION_NAMES = {revocations.CHANNEL, revocations.session_key(""), revocations.user_key(0).rstrip("0")}
A_DECIMAL, NO_DECIMALS = "12.5", ("", "x", "btcusdt")
SYMBOLS, NO_SYMBOLS = ("btcusdt", "BTCUSDT"), ("", "btc usdt", "BTC:USDT")

A_NUMBER = "20"
OF_RE = {"compile", "match", "fullmatch", "search", "findall", "finditer"}

Found = tuple[str, str]
"""A rule, and the text that follows it."""


def rules_in(source: str) -> Iterator[Found]:
    """Every rule that a module's code follows by itself."""
    tree = ast.parse(source)
    values = dict(_module_values(tree))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from _names(node.value)
            yield from _places(node.value)
        elif isinstance(node, ast.Call):
            yield from _patterns(node, values)
            yield from _trimming(node)
        elif isinstance(node, ast.BinOp):
            yield from _percent(node)
        elif isinstance(node, ast.Compare):
            yield from _voidness(node)


def _module_values(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value


def _names(text: str) -> Iterator[Found]:
    if any(name in text for name in AGREED_NAMES):
        yield "agreed name", text
    if any(name in text for name in REVOCATION_NAMES):
        yield "revocation", text


def _places(text: str) -> Iterator[Found]:
    """The eight places to which a percentage is rounded."""
    if re.fullmatch(r"1[eE]-0?8|0?\.0{7}1|0?\.0{8}", text):
        yield "percent", text


def _patterns(call: ast.Call, values: Mapping[str, ast.expr]) -> Iterator[Found]:
    """Regular expressions, and questions of strings, that are meant for decimals or symbols."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "isalnum":
        yield "symbol pattern", ast.unparse(call)
    called = ast.unparse(call.func).rpartition(".")[2]
    candidates = [
        *(call.args[:1] if called in OF_RE else []),
        *(word.value for word in call.keywords if word.arg == "pattern"),
    ]
    for text in (_text(candidate, values) for candidate in candidates):
        try:
            accepts = re.compile(text or "").fullmatch
        except re.error:
            continue
        if accepts(A_DECIMAL) and not any(map(accepts, NO_DECIMALS)):
            yield "decimal pattern", str(text)
        if any(map(accepts, SYMBOLS)) and not any(map(accepts, NO_SYMBOLS)):
            yield "symbol pattern", str(text)


def _text(node: ast.expr, values: Mapping[str, ast.expr]) -> str | None:
    """What a string is, as far as the module shows; a number stands for what an f-string puts in from elsewhere."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, values) or "" for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, values) or A_NUMBER
    if isinstance(node, ast.Name) and node.id in values:
        return _text(values[node.id], values)
    return str(node.value) if isinstance(node, ast.Constant) else None


def _trimming(call: ast.Call) -> Iterator[Found]:
    """The shortest text of a decimal: zeros at its end are cut, or `normalize` is asked to."""
    if isinstance(call.func, ast.Attribute) and (
        (call.func.attr == "rstrip" and list(map(ast.unparse, call.args)) == ["'0'"])
        or (call.func.attr == "normalize" and not call.args)
    ):
        yield "shortest decimal", ast.unparse(call)


def _percent(node: ast.BinOp) -> Iterator[Found]:
    """A quotient times a hundred, in any order."""
    if not isinstance(node.op, ast.Mult | ast.Div | ast.FloorDiv):
        return
    parts = [part for part in ast.walk(node) if isinstance(part, ast.BinOp)]
    divides = any(isinstance(part.op, ast.Div | ast.FloorDiv) for part in parts)
    multiplies = any(
        isinstance(part.op, ast.Mult) and (_is_hundred(part.left) or _is_hundred(part.right)) for part in parts
    )
    if divides and multiplies:
        yield "percent", ast.unparse(node)


def _is_hundred(node: ast.expr) -> bool:
    """100, Decimal(100), Decimal("100"), HUNDRED."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        return _is_hundred(node.args[0])
    if isinstance(node, ast.Constant):
        return node.value in (100, "100")
    return "hundred" in ast.unparse(node).lower() if isinstance(node, ast.Name | ast.Attribute) else False


def _voidness(node: ast.Compare) -> Iterator[Found]:
    """A token's time of issue, compared with another time."""
    orders = any(isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for operator in node.ops)
    if orders and re.search(r"\bissued_at|\biat\b", ast.unparse(node)):
        yield "revocation", ast.unparse(node)
