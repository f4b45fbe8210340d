"""The local ClickHouse, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from deploy.local.clickhouse.engine import Engine
from deploy.local.clickhouse.handler import Handler
from deploy.local.clickhouse.settings import ClickHouseSettings
from deploy.local.clickhouse.threads import Threads
from services.common.http import listen, serve_http
from services.common.internal import OwnHosts
from services.common.lifecycle import Lifecycle

MAX_INSERT_S = 6 * 3600.0
"""For the data of one insert to arrive whole; they may not pause for `body_timeout_s`."""


@asynccontextmanager
async def app(settings: ClickHouseSettings, _life: Lifecycle) -> AsyncIterator[None]:
    """Open the engine, then the port; close them the other way round, with running requests in between."""
    options = {
        "max_server_memory_usage": str(settings.memory_bytes),
        "mark_cache_size": str(64 << 20),
        "primary_index_cache_size": str(64 << 20),
        "index_mark_cache_size": str(16 << 20),
    }
    sock = listen(settings.http_host, settings.http_port)
    engine = Engine(settings.data_dir, options, settings.databases)
    with closing(sock), closing(engine), closing(Threads(settings.max_running)) as threads:
        engine.create_database(settings.clickhouse_db)
        handler = Handler(settings, engine, threads)
        with closing(handler.connections):
            async with serve_http(
                OwnHosts(handler, settings.allowed_hosts),
                sock,
                body_timeout_s=MAX_INSERT_S,
                timeout_graceful_shutdown=settings.drain_timeout_s,
            ):
                yield
