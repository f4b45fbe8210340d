"""Stores that answer and refuse to store, as on a full disk, and that store again."""

import asyncio
import contextlib
from pathlib import Path

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from tests.conftest import RunningPostgres
from tests.processes import until

REFUSALS = ("maxmemory 1", "min-replicas-to-write 1", "replica", "full disk")
"""Of Redis: OOM, NOREPLICAS, READONLY, MISCONF."""


async def refuse_to_store(client: Redis, refusal: str) -> None:
    if refusal == "replica":
        await client.replicaof("127.0.0.1", "1")
    elif refusal == "full disk":  # a snapshot fails as well where a directory has its name
        settings = await client.config_get("dir") | await client.config_get("dbfilename")
        await asyncio.to_thread(Path(f"{settings['dir']}/{settings['dbfilename']}").mkdir)
        await client.config_set("save", "1 1")
        await client.config_set("stop-writes-on-bgsave-error", "yes")
        with contextlib.suppress(RedisError):
            await client.bgsave()
        await until(lambda: _is_refused(client), what="Redis refuses to store")
    else:
        name, value = refusal.split()
        await client.config_set(name, value)


async def store_again(client: Redis, refusal: str) -> None:
    if refusal == "replica":
        await client.replicaof("NO", "ONE")
    elif refusal == "full disk":
        await client.config_set("save", "")
        await client.config_set("stop-writes-on-bgsave-error", "no")
    else:
        await client.config_set(refusal.split()[0], "0")


async def _is_refused(client: Redis) -> bool:
    try:
        await client.set("probe", "1")
    except ResponseError as error:
        return "MISCONF" in str(error)
    return False


async def fill_disk_under(table: str, running: RunningPostgres, url: str) -> None:
    """Empty `table`, and have no room for its next row: PostgreSQL extends /dev/full instead of the table's file."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"TRUNCATE {table}")
    file = await connection.fetchval("SELECT pg_relation_filepath($1)", table)
    await connection.close()
    await asyncio.to_thread(_link_to_full_device, running.server.data_dir / file)


async def make_room_under(table: str, url: str) -> None:
    """The opposite: the table gets a new file, empty."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"TRUNCATE {table}")
    await connection.close()


def _link_to_full_device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/full")
