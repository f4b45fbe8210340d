"""A whole stack that serves the web app, with history. `python -m tests.web.stack` runs one to look at.

The browser's tests are Node's; what only we can do for them (end a server, start it again) they ask for over HTTP.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.clickhouse_server import RunningClickHouse, start_clickhouse, stop_clickhouse
from tests.conftest import RunningPostgres, start_postgres, start_redis, stop_postgres, stop_redis
from tests.e2e.stack import Stack
from tests.processes import REPOSITORY, Process, free_port, service

BUNDLE = REPOSITORY / "web" / "dist"
SYMBOLS = ("btcusdt", "ethusdt", "solusdt", "bnbusdt")
"""Those whose past is filled."""


@contextmanager
def running_stack(postgres: RunningPostgres, bundle: Path = BUNDLE) -> Iterator[Stack]:
    """The services that the web app needs, with history for `SYMBOLS`, and profile serving `bundle`."""
    redis, clickhouse = start_redis(), start_clickhouse()
    stack = Stack(postgres, redis)
    try:
        asyncio.run(_start(stack, clickhouse, bundle))
        yield stack
    finally:
        stack.stop()
        stop_clickhouse(clickhouse)
        stop_redis(redis)


async def _start(stack: Stack, clickhouse: RunningClickHouse, bundle: Path) -> None:
    await stack.start_simulator(SYMBOL_COUNT=os.environ.get("SYMBOL_COUNT", "60"))
    await stack.start_socket()
    await stack.start_aggregator()
    # Every test registers an account, all from one address.
    await stack.start_authorization(LIMIT_REGISTER_ADDRESS="1000/minute")
    _fill_past(stack, clickhouse.url)
    port = free_port()
    env = {"REDIS_URL": stack.redis.url, "CLICKHOUSE_URL": clickhouse.url, "HTTP_PORT": str(port)}
    await stack.start("dashboard", "dashboard", port, env)
    await stack.start_profile(WEB_DIR=str(bundle), DASHBOARD_URL=f"http://127.0.0.1:{port}")


def _fill_past(stack: Stack, clickhouse_url: str) -> None:
    """As an operator would: the tables, then the exchange's klines."""
    source = {"EXCHANGE_REST_URL": f"http://127.0.0.1:{stack.rest_port}", "EXCHANGE_SOURCE": "simulator"}
    for arguments in (["migrate"], ["backfill", *SYMBOLS, "--days", "1"], ["backfill", *SYMBOLS, "--intervals", "1h"]):
        command = service("kafka_clickhouse", {"CLICKHOUSE_URL": clickhouse_url} | source)
        command.command = [*command.command, *arguments]
        assert _exit_code(command) == 0, command.output()


def _exit_code(process: Process) -> int:
    popen = process.start().popen
    assert popen is not None
    return popen.wait(120)


@contextmanager
def control(stack: Stack) -> Iterator[str]:
    """An address at which `POST /<verb>/<service>` does it: `stop` (politely), `kill`, `start`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            _, verb, name = self.path.split("/")
            running = stack.running[name]
            if verb == "start":
                running.process.start()
                asyncio.run(running.ready())
            else:
                getattr(running.process, verb)()
            self.send_response(204)
            self.send_header("Connection", "close")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    # One thread for all requests: a process ends with the thread that has started it (PR_SET_PDEATHSIG).
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def site_url(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.running['profile'].port}"


if __name__ == "__main__":
    database = start_postgres()
    try:
        with running_stack(database) as started, control(started) as address:
            sys.stdout.write(f"SITE_URL={site_url(started)} CONTROL_URL={address}\n")
            sys.stdout.flush()
            sys.stdin.read()
    finally:
        stop_postgres(database)
