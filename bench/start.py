"""How long `make run` takes from nothing and again, until what, and what each process holds in memory.

The launcher itself runs, with a state directory and ports of its own. Packages, Kafka's jars and the built web app are
there already. Memory is the proportional set size (shared pages counted once, by their share), a while after readiness.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

PORT_OFFSET = 12_500
READY = re.compile(r"│ (?P<name>[\w-]+) (?:ready|done) after (?P<seconds>[\d.]+) s")
LIVE = re.compile(r"prices are live after ([\d.]+) s")
ALL = re.compile(r"everything is ready after ([\d.]+) s")
LIMIT_S = 240.0
SETTLE_S = 20.0
_NAMES = {
    "kafka.Kafka": "kafka",
    "deploy.local.clickhouse": "clickhouse",
    "redis-server": "redis",
    "redis.conf": "redis",
    "postgres": "postgres",
    "deploy.local": "launcher",
}


def main() -> None:
    """From nothing, then again on what is there; memory of the second."""
    state = Path(tempfile.mkdtemp(prefix="crypto-bench-start-"))
    state.chmod(0o755)
    try:
        cold, _ = _start(state)
        warm, memory = _start(state)
    finally:
        shutil.rmtree(state, ignore_errors=True)
    print(f"{'':22}{'first start':>12}{'again':>10}{'memory':>12}")
    for name in sorted(cold.keys() | warm.keys() | memory.keys()):
        times = (f"{found[name]:.1f} s" if name in found else "" for found in (cold, warm))
        held = f"{memory[name] / 2**20:.0f} MiB" if name in memory else ""
        print("{:22}{:>12}{:>10}{:>12}".format(name, *times, held))
    print(f"all together {sum(memory.values()) / 2**20:.0f} MiB")


def _start(state: Path) -> tuple[dict[str, float], dict[str, int]]:
    """Seconds to the readiness of each component (from its own start) and of the whole; bytes of each."""
    seconds: dict[str, float] = {}
    with _launcher(state) as (launcher, log):
        deadline = time.monotonic() + LIMIT_S
        while not (whole := ALL.search(text := log.read_text(errors="replace"))):
            if launcher.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the launcher did not become ready:\n{text[-3000:]}")
            time.sleep(0.2)
        seconds |= {found["name"]: float(found["seconds"]) for found in READY.finditer(text)}
        seconds[" everything"] = float(whole[1])
        if live := LIVE.search(text):
            seconds[" prices are live"] = float(live[1])
        time.sleep(SETTLE_S)
        return seconds, _memory(launcher.pid)


@contextlib.contextmanager
def _launcher(state: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = state / "bench.log"
    settings = {"STATE_DIR": str(state), "PORT_OFFSET": str(PORT_OFFSET), "EXCHANGE": "simulator"}
    with log.open("wb") as output:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "deploy.local"], env=os.environ | settings, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield launcher, log
    finally:
        launcher.send_signal(signal.SIGINT)
        launcher.wait(60)


def _memory(pid: int) -> dict[str, int]:
    held: dict[str, int] = {}
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            name = _name(process.cmdline())
            held[name] = held.get(name, 0) + process.memory_full_info().pss
    return held


def _name(command: list[str]) -> str:
    text = " ".join(command)
    if found := re.search(r"-m services\.(\w+)", text):
        return found[1]
    if "-m simulator" in text:
        return "simulator"
    return next((name for part, name in _NAMES.items() if part in text), Path(command[0]).name if command else "?")


if __name__ == "__main__":
    main()
