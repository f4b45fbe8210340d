"""A pipeline of its own for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.clickhouse_server import RunningClickHouse
from tests.kafka_broker import RunningKafka
from tests.kafka_clickhouse.pipeline import KINDS, TICKS, Kind, Pipeline, pipeline


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    """What every stream must do alike is asked of each."""
    found: Kind = request.param
    return found


@pytest.fixture
async def between(
    kafka_broker: RunningKafka, clickhouse_server: RunningClickHouse, kind: Kind
) -> AsyncIterator[Pipeline]:
    async with pipeline(kafka_broker.bootstrap, clickhouse_server.url, kind=kind) as made:
        yield made


@pytest.fixture
async def ticker_pipeline(kafka_broker: RunningKafka, clickhouse_server: RunningClickHouse) -> AsyncIterator[Pipeline]:
    async with pipeline(kafka_broker.bootstrap, clickhouse_server.url, kind=TICKS) as made:
        yield made
