"""Which statements a user may send: an allow-list over the tree that the engine's own parser makes of them. Pure.

It is the first of two walls; the engine's grants (`access.py`) are the second. What is not named here is refused.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.local.clickhouse import allowed
from deploy.local.clickhouse.access import Role
from deploy.local.clickhouse.errors import Code, DatabaseError, error

Node = dict[str, Any]

_STATEMENTS = {Role.READER: allowed.READS, Role.WRITER: allowed.READS | allowed.WRITES}
_SYSTEM_TABLES = {Role.READER: allowed.READERS_SYSTEM_TABLES, Role.WRITER: allowed.SYSTEM_TABLES}

_IN = re.compile(r"(global|not|null)*in(ignoreset)?", re.I)
_NAME = r"(?:[A-Za-z_]\w*|`[A-Za-z_]\w*`)"
_ABOUT = re.compile(
    rf"\s*(?:EXISTS|SHOW\s+CREATE)(?:\s+(?:TABLE|VIEW|DATABASE))?\s+(?:({_NAME})\.)?{_NAME}[\s;]*",
    re.I,
)
_DESCRIBE = re.compile(r"\s*DESC(?:RIBE)?(?:\s+TABLE\b|\b)", re.I)


def denied(what: str) -> DatabaseError:
    """What a server answers for lack of a grant."""
    return error(Code.ACCESS_DENIED, f"Not enough privileges: {what} is not allowed")


def is_about_names(sql: str) -> bool:
    """EXISTS and SHOW CREATE of a table outside the system's databases: these have no tree, and need none."""
    found = _ABOUT.fullmatch(sql)
    return found is not None and (found[1] or "").strip("`").lower() not in allowed.SYSTEM_DATABASES


def as_select(sql: str) -> str:
    """A DESCRIBE, which has no tree, as the SELECT from the same; anything else as it is."""
    found = _DESCRIBE.match(sql)
    return f"SELECT * FROM {sql[found.end() :]}" if found else sql  # noqa: S608 - parsed, never run


def require_database(name: str) -> None:
    """Raises DatabaseError for one of the system's, in which names would stand for its tables."""
    if name.strip().lower() in allowed.SYSTEM_DATABASES:
        raise denied(f"database {name}")


def require_setting(name: str) -> None:
    """Raises DatabaseError for a setting that is not among the allowed."""
    if not allowed.SETTINGS.fullmatch(name) or allowed.REFUSED_SETTINGS.search(name):
        raise error(Code.UNKNOWN_SETTING, f"Setting {name} is unknown, or may not be changed")


@dataclass(frozen=True, slots=True)
class Permissions:
    """The allow-list for one role. `table_functions`: those that are refused (`refused_table_functions`)."""

    role: Role
    table_functions: frozenset[str]

    def require(self, tree: Node, params: Mapping[str, str]) -> None:
        """Raises DatabaseError unless all of the statement is allowed. `params` fill its `{name:Identifier}`."""
        if tree.get("type") not in _STATEMENTS[self.role]:
            raise denied(f"a statement of type {tree.get('type')}")
        for node in _nodes(tree):
            self._require_node(node, params)

    def _require_node(self, node: Node, params: Mapping[str, str]) -> None:
        for key in allowed.REFUSED_KEYS & node.keys():
            if node[key]:
                raise denied(key)
        function = node.get("table_function")
        if function and str(function.get("name")).lower() not in allowed.TABLE_FUNCTIONS:
            raise denied(f"table function {function.get('name')}")
        check = _CHECKS.get(str(node.get("type")))
        if check:
            check(self, node, params)

    def require_function(self, node: Node, _params: Mapping[str, str]) -> None:
        name, kind = str(node.get("name")), node.get("kind")
        if kind == "TABLE_ENGINE":
            is_allowed = name in allowed.ENGINES
        elif kind == "DATABASE_ENGINE":
            is_allowed = name in allowed.DATABASE_ENGINES
        else:
            for called in (name, *_names_alone(node)):  # arrayMap(file, …) calls it, too
                _require_callable(called)
            is_allowed = name.lower() not in self.table_functions
            is_allowed = is_allowed and not (_IN.fullmatch(name) and _has_table_function(node))
        if not is_allowed:
            raise denied(f"{kind or 'function'} {name}")

    def require_transformer(self, node: Node, _params: Mapping[str, str]) -> None:
        _require_callable(str(node.get("func_name", "")))

    def require_settings(self, node: Node, _params: Mapping[str, str]) -> None:
        names = [change["name"] for change in node.get("changes", [])] + list(node.get("default_settings", []))
        for name in names:
            require_setting(name)
            if self.role is Role.READER and name in allowed.READER_LIMITS:
                raise denied(f"setting {name}")

    def require_table(self, node: Node, _params: Mapping[str, str]) -> None:
        first, *rest = [str(part) for part in node.get("name_parts", [])] or [str(node.get("name", ""))]
        if rest and first.lower() in allowed.SYSTEM_DATABASES and rest[0].lower() not in _SYSTEM_TABLES[self.role]:
            raise denied(f"table {first}.{rest[0]}")

    def require_parameter(self, node: Node, params: Mapping[str, str]) -> None:
        if node.get("param_type") == "Identifier":
            name = str(node.get("name"))
            if name not in params:
                raise error(Code.UNKNOWN_QUERY_PARAMETER, f"Substitution `{name}` is not set")
            require_database(params[name].partition(".")[0].strip('`" '))
            _require_callable(params[name].strip('`" '))

    def require_use(self, node: Node, _params: Mapping[str, str]) -> None:
        require_database(str(node["database"].get("name", "")))

    def require_show(self, node: Node, _params: Mapping[str, str]) -> None:
        if any(node.get(key) for key in ("clusters", "cluster_str", "settings", "caches", "merges")):
            raise denied("this SHOW")
        require_database(str((node.get("from") or {}).get("name", "")))

    def require_alteration(self, node: Node, _params: Mapping[str, str]) -> None:
        if node.get("command_type") not in allowed.ALTERATIONS:
            raise denied(f"ALTER … {node.get('command_type')}")

    def require_ttl(self, node: Node, _params: Mapping[str, str]) -> None:
        if node.get("destination_type", "DELETE") != "DELETE":
            raise denied(f"TTL … TO {node['destination_type']}")


_CHECKS = {
    "ColumnsApplyTransformer": Permissions.require_transformer,
    "Function": Permissions.require_function,
    "SetQuery": Permissions.require_settings,
    "Identifier": Permissions.require_table,
    "TableIdentifier": Permissions.require_table,
    "QueryParameter": Permissions.require_parameter,
    "UseQuery": Permissions.require_use,
    "ShowTablesQuery": Permissions.require_show,
    "AlterCommand": Permissions.require_alteration,
    "TTLElement": Permissions.require_ttl,
}


def _require_callable(name: str) -> None:
    if allowed.REFUSED_FUNCTIONS.match(name):
        raise denied(f"function {name}")


def _operands(node: Node) -> list[Node]:
    found: list[Node] = (node.get("arguments") or {}).get("children", [])
    return found


def _names_alone(node: Node) -> Iterator[str]:
    """The operands of a function that are names of one part: of columns, or of functions."""
    for operand in _operands(node):
        if operand.get("type") == "Identifier" and not operand.get("name_parts"):
            yield str(operand.get("name"))


def _has_table_function(node: Node) -> bool:
    """Whether an operand of IN is a table function by a name that an ordinary function has, too."""
    names = (str(operand.get("name")).lower() for operand in _operands(node))
    return any(name in allowed.TABLE_AND_ORDINARY_FUNCTIONS for name in names)


def refused_table_functions(names: Iterable[str]) -> frozenset[str]:
    """Those of the engine's table functions that may stand nowhere."""
    return frozenset(name.lower() for name in names) - allowed.TABLE_FUNCTIONS - allowed.TABLE_AND_ORDINARY_FUNCTIONS


def _nodes(tree: Any) -> Iterator[Node]:
    """Every object of the tree, however deep."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
