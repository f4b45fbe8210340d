"""Ports: who holds one, and private ones that stay."""

import os
import socket
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.ports import Ports


@pytest.fixture
def held_port() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_is_taken_while_a_process_listens(held_port: int) -> None:
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


def test_a_private_port_that_was_taken_is_replaced(tmp_path: Path, held_port: int) -> None:
    (tmp_path / "ports.json").write_text(f'{{"postgres": {held_port}}}')

    chosen = ports.private_ports(("postgres",), tmp_path / "ports.json", ())

    assert chosen["postgres"] != held_port
    assert ports.private_ports(("postgres",), tmp_path / "ports.json", ()) == chosen


def test_a_private_port_is_never_one_of_the_fixed_ones(tmp_path: Path) -> None:
    first = ports.private_ports(("postgres",), tmp_path / "ports.json", ())

    second = ports.private_ports(("postgres",), tmp_path / "ports.json", reserved=set(first.values()))

    assert second["postgres"] != first["postgres"]


def test_fixed_ports_are_those_of_the_contract_and_move_together() -> None:
    assert (Ports().profile, Ports().authorization, Ports().socket, Ports().aggregator) == (8080, 15051, 15052, 8088)
    assert (Ports().kafka, Ports().clickhouse, Ports().dashboard) == (9092, 8123, 8083)
    moved = Ports().shifted(1000)
    assert moved.profile == 9080
    assert {port - 1000 for port in moved.all()} == Ports().all()
    assert len(Ports().all()) == len(fields(Ports))  # no two are the same


def test_no_fixed_port_is_one_of_those_for_outgoing_connections_of_linux() -> None:
    highest_offset = 15_000

    assert max(Ports().shifted(highest_offset).all()) < 32_768


def test_private_ports_avoid_those_for_outgoing_connections_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "range").write_text("22000\t65535\n")
    monkeypatch.setattr(ports, "OUTGOING_RANGE", tmp_path / "range")

    chosen = ports.private_ports(("postgres", "redis", "kafka"), tmp_path / "ports.json", ())

    assert max(chosen.values()) < 22_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"postgres": 2',
        b"\xff\xfe",
        b"[1]",
        b'{"postgres": "5432"}',
        b'{"postgres": -1}',
        b"null",
        b'{"postgres\xff": 5432}',
        b"[" * 100_000,
    ],
)
def test_damaged_private_ports_are_drawn_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ports.json").write_bytes(content)

    chosen = ports.private_ports(("postgres",), tmp_path / "ports.json", ())

    assert ports.private_ports(("postgres",), tmp_path / "ports.json", ()) == chosen


async def test_an_outgoing_connection_that_holds_a_port_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "PATIENCE_S", 0)
    reported: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        port = client.getsockname()[1]

        def report(sentence: str) -> None:
            reported.append(sentence)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # free at once
            client.close()

        await ports.require_free([("socket", port)], report)

    assert reported == [f"waiting for connections that hold port {port}, 60 s at most"]
