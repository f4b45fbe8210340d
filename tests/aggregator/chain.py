"""The real chain as real processes: simulator → socket → aggregator → Redis, and what each end reports."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import httpx
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from tests.processes import Process, free_port, service, until, until_ready


class Last(NamedTuple):
    """A price as it orders: event time, trade id (−1 for a mini-ticker), exact price."""

    event_ms: int
    trade_id: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Chain:
    """Three running processes: `simulator`, `socket`, `aggregator`."""

    processes: Mapping[str, Process]
    rest_url: str
    http_url: str
    ops_url: str
    redis: Redis
    client: httpx.AsyncClient

    async def control(self, action: str, **body: Any) -> Any:
        """POST /control/<action> of the simulator."""
        answer = await self.client.post(f"{self.rest_url}/control/{action}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def state(self) -> Any:
        return (await self.client.get(f"{self.rest_url}/control/state")).json()

    async def journal(self) -> list[Any]:
        """What the exchange sent to at least one client, and the trades that it withheld from the stream on request."""
        lines = (await self.client.get(f"{self.rest_url}/control/journal")).text.splitlines()
        records = [json.loads(line) for line in lines]
        return [record for record in records if record["receivers"] or record["kind"] == "skipped"]

    async def follow(self, *symbols: str) -> None:
        """Until taken back, and streamed by the exchange when this returns."""
        for symbol in symbols:
            answer = await self.client.get(f"{self.http_url}/coin", params={"symbol": symbol, "id": "1"})
            assert answer.status_code == 200, answer.text

        await self.until_streamed(*symbols)

    async def until_streamed(self, *symbols: str) -> None:
        """Wait until the exchange streams the trades of `symbols`."""

        async def streamed() -> bool:
            streams = {name for c in (await self.state())["connections"] for name in c["streams"]}
            return streams >= {f"{symbol}@aggTrade" for symbol in symbols}

        await until(streamed, what=f"the exchange streams {symbols}")

    async def coins(self) -> Any:
        return (await self.client.get(f"{self.http_url}/coins")).json()

    async def cached(self) -> dict[str, Last]:
        """Redis' last prices, exactly."""
        values = cast("dict[bytes, bytes]", await self.redis.hgetall("market:last"))
        exact = {name.decode(): json.loads(value, parse_float=Decimal) for name, value in values.items()}
        return {symbol: Last(value["t"], 0, Decimal(value["p"])) for symbol, value in exact.items()}

    async def metric(self, name: str, **labels: str) -> float:
        """A sample of the aggregator's own metrics; 0 when it is not there."""
        text = (await self.client.get(f"{self.ops_url}/metrics")).text
        samples = (s for family in text_string_to_metric_families(text) for s in family.samples)
        return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def last_of(journal: list[Any]) -> dict[str, Last]:
    """The last prices according to the journal."""
    newest: dict[str, Last] = {}
    for record in journal:
        data, symbol = record["data"], record["symbol"].lower()
        is_ticker = record["kind"] == "miniTicker"
        last = Last(data["E"], -1 if is_ticker else data["a"], Decimal(data["c" if is_ticker else "p"]))
        newest[symbol] = max(newest.get(symbol, last), last)
    return newest


@asynccontextmanager
async def running_chain(
    redis_url: str,
    kafka: str = "",
    aggregator_env: Mapping[str, object] = MappingProxyType({}),
    **simulator_env: object,
) -> AsyncIterator[Chain]:
    """All three ready. The market's pace and length are the simulator's settings."""
    stream_port, rest_port, grpc_port, http_port = (free_port() for _ in range(4))
    ops = {name: free_port() for name in ("simulator", "socket", "aggregator")}
    market = {"SYMBOL_COUNT": 12, "CONNECT_LIMIT": 0, "STREAM_PORT": stream_port, "REST_PORT": rest_port}
    target = f"127.0.0.1:{grpc_port}"
    environments: dict[str, dict[str, object]] = {
        "simulator": market | simulator_env,
        "socket": {
            "GRPC_ADDRESS": target,
            "EXCHANGE_STREAM_URL": f"ws://127.0.0.1:{stream_port}",
            "EXCHANGE_REST_URL": f"http://127.0.0.1:{rest_port}",
            "EXCHANGE_SOURCE": "simulator",
        },
        "aggregator": {
            "HTTP_PORT": http_port,
            "SOCKET_TARGET": target,
            "REDIS_URL": redis_url,
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            **aggregator_env,
        },
    }
    started: dict[str, Process] = {}
    try:
        for name, env in environments.items():
            texts = {key: str(value) for key, value in env.items()}
            started[name] = service(name, texts | {"OPS_PORT": str(ops[name])}).start()
        await until_ready(started["simulator"], ops["simulator"])
        ops_url = f"http://127.0.0.1:{ops['aggregator']}"
        urls = (f"http://127.0.0.1:{rest_port}", f"http://127.0.0.1:{http_port}", ops_url)
        async with Redis.from_url(redis_url, protocol=2) as redis, httpx.AsyncClient(trust_env=False) as client:
            chain = Chain(started, *urls, redis, client)
            await until(lambda: _knows_symbols(chain), what="the symbols are known")
            yield chain
    finally:
        for process in reversed(started.values()):
            process.stop()


async def _knows_symbols(chain: Chain) -> bool:
    return (await chain.client.get(f"{chain.http_url}/symbols")).status_code == 200
