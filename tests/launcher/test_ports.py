"""Ports: who holds one, and private ones that stay."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.table import Ports


@pytest.fixture
def held_port() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_is_taken_while_somebody_listens(held_port: int) -> None:
    assert not ports.is_free(held_port)


def test_a_taken_port_is_named_with_who_needs_and_who_holds_it(held_port: int) -> None:
    message = ports.taken_message([("profile", held_port)])

    assert f"port {held_port}, which profile needs" in message
    assert f"process {os.getpid()} (" in message
    assert "PORT_OFFSET" in message


def test_private_ports_stay_from_run_to_run(tmp_path: Path) -> None:
    first = ports.private_ports(("postgres", "redis"), tmp_path / "ports.json", ())

    assert len(set(first.values())) == 2
    assert ports.private_ports(("postgres", "redis"), tmp_path / "ports.json", ()) == first


def test_a_private_port_that_somebody_took_is_replaced(tmp_path: Path, held_port: int) -> None:
    (tmp_path / "ports.json").write_text(f'{{"postgres": {held_port}}}')

    chosen = ports.private_ports(("postgres",), tmp_path / "ports.json", ())

    assert chosen["postgres"] != held_port
    assert ports.private_ports(("postgres",), tmp_path / "ports.json", ()) == chosen


def test_a_private_port_is_never_one_of_the_fixed_ones(tmp_path: Path) -> None:
    first = ports.private_ports(("postgres",), tmp_path / "ports.json", ())

    second = ports.private_ports(("postgres",), tmp_path / "ports.json", reserved=set(first.values()))

    assert second["postgres"] != first["postgres"]


def test_fixed_ports_are_those_of_the_contract_and_move_together() -> None:
    assert (Ports().profile, Ports().authorization, Ports().socket, Ports().aggregator) == (8080, 50051, 50052, 8088)
    assert (Ports().kafka, Ports().clickhouse, Ports().dashboard) == (9092, 8123, 8083)
    moved = Ports().shifted(1000)
    assert moved.profile == 9080
    assert {port - 1000 for port in moved.all()} == Ports().all()
    assert len(Ports().all()) == 16
