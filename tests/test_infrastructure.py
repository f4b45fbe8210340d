"""Proof that the tests run against real servers."""

import asyncpg
from redis.asyncio import Redis


async def test_postgres_is_real(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    assert str(await connection.fetchval("SELECT version()")).startswith("PostgreSQL")
    await connection.close()


async def test_redis_is_real(redis_url: str) -> None:
    async with Redis.from_url(redis_url, protocol=2) as client:
        assert (await client.info("server"))["redis_version"]
