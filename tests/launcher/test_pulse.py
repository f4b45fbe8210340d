"""Signs of life of real servers: a refusal is one, silence is none."""

import socket

from deploy.local import pulse
from deploy.local.pulse import Pulse
from tests.conftest import RunningPostgres, RunningRedis
from tests.kafka_broker import RunningKafka


async def test_postgres_and_redis_answer_without_a_password(
    postgres_server: RunningPostgres, redis_server: RunningRedis
) -> None:
    assert await pulse.answers(Pulse(postgres_server.server.port, pulse.POSTGRES))
    assert await pulse.answers(Pulse(redis_server.server.port, pulse.REDIS))


async def test_kafka_answers(kafka_broker: RunningKafka) -> None:
    assert await pulse.answers(Pulse(int(kafka_broker.bootstrap.rpartition(":")[2]), pulse.KAFKA))


async def test_what_accepts_and_is_silent_is_noticed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not await pulse.answers(Pulse(silent.getsockname()[1]))
