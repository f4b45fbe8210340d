"""Reading deploy/compose.yaml as Compose does: YAML with merges, then variables put in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.processes import REPOSITORY

COMPOSE = REPOSITORY / "deploy" / "compose.yaml"
ROOT_COMPOSE = REPOSITORY / "compose.yaml"
OURS = ("authorization", "socket", "aggregator", "profile", "kafka_clickhouse", "dashboard", "backfill", "simulator")
MIGRATIONS = ("authorization-migrate", "profile-migrate", "kafka_clickhouse-migrate")
ONE_SHOT = (*MIGRATIONS, "kafka-topics")

_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?:(?P<operator>:-|-|:\?)(?P<operand>[^}]*))?\})")


class MissingVariableError(Exception):
    """A variable that the file requires is not set; the text is that of Compose."""


def load(variables: Mapping[str, str], path: Path = COMPOSE) -> dict[str, Any]:
    """The document with `variables` put in. Raises `MissingVariableError`."""
    document: dict[str, Any] = _interpolate(yaml.safe_load(path.read_text()), variables)
    return document


def _interpolate(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _interpolate(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolate(value, variables) for value in node]
    if not isinstance(node, str):
        return node
    return _VARIABLE.sub(lambda match: _value(match, variables), node)


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    name, operand = str(match["name"]), str(match["operand"])
    value = variables.get(name)
    match match["operator"]:
        case ":-":
            return value or operand
        case "-":
            return operand if value is None else value
        case ":?" if not value:
            raise MissingVariableError(f"{name}: {operand}")
        case None if value is None:
            raise MissingVariableError(name)
    return value or ""


def variables(name: str) -> dict[str, str]:
    """What the environment file `deploy/<name>` sets."""
    lines = (COMPOSE.parent / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def mounted_secrets(service: Mapping[str, Any]) -> dict[str, str]:
    """Name under /run/secrets → name of the secret, for one service."""
    entries: list[Any] = service.get("secrets", [])
    pairs = [each if isinstance(each, dict) else {"source": each} for each in entries]
    return {pair.get("target") or pair["source"]: pair["source"] for pair in pairs}
