"""One accent in all services: how settings and metrics are named."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import REPOSITORY

SETTINGS = {
    "services/authorization": "AuthorizationSettings",
    "services/profile": "ProfileSettings",
    "services/socket": "SocketSettings",
    "services/aggregator": "AggregatorSettings",
    "services/kafka_clickhouse": "KafkaClickHouseSettings",
    "services/dashboard": "DashboardSettings",
    "services/backfill": "BackfillSettings",
    "simulator": "SimulatorSettings",
    "deploy/local": "LauncherSettings",
    "deploy/local/clickhouse": "ClickHouseSettings",
}
PREFIXES = {"authorization": "auth", "common": "http", "live": "profile_live", "clickhouse": "clickhouse_local"}
"""Of metrics, where it is not the directory's name. Operators know them."""
METRICS = [path for room in ("services", "simulator", "deploy") for path in (REPOSITORY / room).rglob("metrics.py")]


def test_the_settings_of_a_service_bear_its_name() -> None:
    modules = [
        path for room in ("services", "simulator", "deploy") for path in (REPOSITORY / room).rglob("settings.py")
    ]
    directories = {str(path.parent.relative_to(REPOSITORY)): path for path in modules}
    # The routes of a person's settings are no settings of a service.
    assert set(directories) - {"services/common", "services/profile/routes"} == set(SETTINGS)
    for directory, name in SETTINGS.items():
        tree = ast.parse(directories[directory].read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


@pytest.mark.parametrize("path", METRICS, ids=lambda path: path.parent.name)
def test_metrics_are_constants_with_the_prefix_of_their_service_and_a_sentence(path: Path) -> None:
    prefix = PREFIXES.get(path.parent.name, path.parent.name)
    found = list(_metrics(path))
    assert found
    for constant, name, help_text in found:
        assert constant == constant.upper()
        assert name.startswith(f"{prefix}_")
        assert not name.endswith("_total"), "the client library adds that to counters"
        assert help_text.endswith(".")


def _metrics(path: Path) -> Iterator[tuple[str, str, str]]:
    """Constant, name and help of each metric."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(node.value.func) in ("Counter", "Gauge", "Histogram"):
                name, help_text = map(ast.literal_eval, node.value.args[:2])
                yield ast.unparse(target), name, help_text
