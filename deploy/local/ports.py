"""TCP ports: the fixed ones, whether one is free, who holds it otherwise, and private ones that stay the same."""

import asyncio
import json
import random
import socket
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import psutil

from deploy.local.credentials import write_private
from deploy.local.errors import LaunchError

PRIVATE_RANGE = range(20_000, 32_000)
OUTGOING_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
PATIENCE_S = 3.0
"""How long a port may still be held by what a killed launcher left."""
OUTGOING_PATIENCE_S = 60.0
"""The same for a connection without a listener: an outgoing one, or one that ended less than a minute ago."""


@dataclass(frozen=True)
class Ports:
    """Every fixed port: those of docs/contracts.md, but for gRPC. PostgreSQL and Redis have private ones.

    None is one of those that Linux hands out to outgoing connections, from 32768 on: a client could hold it when its
    server starts. So gRPC is not on :50051 and :50052 here.
    """

    profile: int = 8080
    aggregator: int = 8088
    authorization: int = 15051
    socket: int = 15052
    simulator_stream: int = 9443
    simulator_rest: int = 9444
    profile_ops: int = 9180
    aggregator_ops: int = 9188
    authorization_ops: int = 9151
    socket_ops: int = 9152
    simulator_ops: int = 9199
    kafka: int = 9092
    clickhouse: int = 8123
    kafka_clickhouse_ops: int = 9184
    dashboard: int = 8083
    dashboard_ops: int = 9183
    backfill_ops: int = 9185

    def shifted(self, offset: int) -> "Ports":
        """All of them, `offset` higher."""
        return Ports(**{name: port + offset for name, port in asdict(self).items()})

    def all(self) -> set[int]:
        return set(asdict(self).values())


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `port` of `host` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


async def require_free(wanted: Sequence[tuple[str, int]], report: Callable[[str], None] = lambda _: None) -> None:
    """Wait for each (component, port); `report` gets a sentence if that takes long.

    Raises `LaunchError` that names every port which is still held.
    """
    started, reported = time.monotonic(), False
    while taken := [(name, port) for name, port in wanted if not is_free(port)]:
        waited_s = time.monotonic() - started
        if waited_s > OUTGOING_PATIENCE_S or (waited_s > PATIENCE_S and await _any_listens(taken)):
            raise LaunchError(taken_message(taken))
        if waited_s > PATIENCE_S and not reported:
            reported = True
            ports = ", ".join(str(port) for _, port in taken)
            report(f"waiting for connections that hold port {ports}, {OUTGOING_PATIENCE_S:g} s at most")
        await asyncio.sleep(0.1)


async def _any_listens(taken: Iterable[tuple[str, int]]) -> bool:
    for _, port in taken:
        with suppress(OSError):
            async with asyncio.timeout(1):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True
    return False


def taken_message(taken: Iterable[tuple[str, int]]) -> str:
    """One sentence per (component, port) that another process listens on, and what to do."""
    sentences = [f"port {port}, which {name} needs, is held by {holder(port)}." for name, port in taken]
    return "\n".join([*sentences, "End what holds it, or start on other ports: PORT_OFFSET=1000 make run"])


def holder(port: int) -> str:
    """Whose connection or listening socket has `port`, as far as this account may know."""
    for process in psutil.process_iter(["pid", "cmdline"]):
        if _has(process, port):
            command = " ".join(process.info["cmdline"] or [])[:100]
            return f"process {process.info['pid']} ({command})"
    return "another account's process, or by a connection that ended less than a minute ago"


def _has(process: psutil.Process, port: int) -> bool:
    try:
        connections = process.net_connections("tcp")
    except psutil.Error:  # of another account, or gone meanwhile
        return False
    return any(one.laddr and one.laddr.port == port for one in connections)


def private_ports(names: Iterable[str], path: Path, reserved: Collection[int]) -> dict[str, int]:
    """A free port for each of `names`: the one that `path` remembers if still free, else a new one, put there."""
    known = _remembered(path)
    chosen: dict[str, int] = {}
    for name in names:
        candidates = [known[name]] if name in known else []
        candidates += random.sample(_never_outgoing(PRIVATE_RANGE), 200)
        excluded = {*reserved, *chosen.values()}
        chosen[name] = next(port for port in candidates if port not in excluded and is_free(port))
    if chosen != known:
        write_private(path, json.dumps(chosen))
    return chosen


def _remembered(path: Path) -> dict[str, int]:
    """What `path` holds; nothing if it is missing or damaged, for new ports do as well."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Annotated[int, msgspec.Meta(ge=1024, le=65_535)]])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _never_outgoing(ports: Sequence[int]) -> Sequence[int]:
    """Those that the system does not hand out to outgoing connections; all, if it hands out too many of them."""
    try:
        first, last = map(int, OUTGOING_RANGE.read_text().split())
    except (OSError, ValueError):  # not Linux: from 49152 on
        return ports
    kept = [port for port in ports if not first <= port <= last]
    return kept if len(kept) >= 1000 else ports
