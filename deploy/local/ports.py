"""TCP ports: whether one is free, who holds it otherwise, and private ones that stay the same from run to run."""

import asyncio
import json
import random
import socket
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import psutil

from deploy.local.credentials import write_private
from deploy.local.errors import LaunchError

PRIVATE_RANGE = range(20_000, 32_000)
"""Below the ports that the system hands out to outgoing connections (from 32768 on Linux, 49152 elsewhere)."""
PATIENCE_S = 3.0
"""How long a port may still be held: by what a killed launcher left, or by an outgoing connection."""


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


async def require_free(wanted: Sequence[tuple[str, int]]) -> None:
    """Wait a little for each (component, port). Raises `LaunchError` that names every port which is still held."""
    deadline = time.monotonic() + PATIENCE_S
    while taken := [(name, port) for name, port in wanted if not is_free(port)]:
        if time.monotonic() > deadline:
            raise LaunchError(taken_message(taken))
        await asyncio.sleep(0.1)


def taken_message(taken: Iterable[tuple[str, int]]) -> str:
    """One sentence per (component, port) that somebody else listens on, and what to do."""
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
    known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    chosen: dict[str, int] = {}
    for name in names:
        candidates = [known[name]] if name in known else []
        candidates += random.sample(PRIVATE_RANGE, 200)
        excluded = {*reserved, *chosen.values()}
        chosen[name] = next(port for port in candidates if port not in excluded and is_free(port))
    if chosen != known:
        write_private(path, json.dumps(chosen))
    return chosen
