"""`python -m deploy.local.kafka_topics`: makes our topics on `KAFKA_BOOTSTRAP_SERVERS`, those that are missing.

A topic that is there already gets what `CONFIGS` lists as well, unless an operator has set that otherwise.
"""

import asyncio
import os
import sys

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from services.market.names import AGG_TRADES, DEAD_LETTERS, MINI_TICKERS, TRADE_DEAD_LETTERS

TOPICS = {MINI_TICKERS: 3, DEAD_LETTERS: 1, AGG_TRADES: 3, TRADE_DEAD_LETTERS: 1}
"""Name → number of partitions; one copy of each."""
CONFIGS = {
    topic: {"retention.ms": "-1", "retention.bytes": str(1024**3)} for topic in (DEAD_LETTERS, TRADE_DEAD_LETTERS)
}
"""Where the broker's own are not meant. Dead letters are kept until they have been looked at."""
REQUEST_LIMIT_MS = 10_000
CONTROLLER_LIMIT_S = 30.0
_SET_FOR_THE_TOPIC = 1
"""DescribeConfigs' `config_source` of what is set for this topic; else it is the broker's, or the default."""


async def make_topics(bootstrap: str) -> list[str]:
    """Make what is missing of `TOPICS`, and set up what is there, and return the names of the new ones.

    Raises KafkaError, TimeoutError.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_LIMIT_MS)
    await admin.start()
    try:
        await _until_controlled(admin)
        wanted = [NewTopic(name, count, 1, topic_configs=CONFIGS.get(name)) for name, count in TOPICS.items()]
        answer = await admin.create_topics(wanted)
        made = []
        for name, code, *_ in answer.topic_errors:
            if for_code(code) is TopicAlreadyExistsError:
                await _set_up(admin, name, CONFIGS.get(name, {}))
            else:
                _raise_for(code, name)
                made.append(name)
        return made
    finally:
        await admin.close()


async def _until_controlled(admin: AIOKafkaAdminClient) -> None:
    """Wait for the cluster's controller, which a broker that has just started may not know yet. Raises TimeoutError."""
    async with asyncio.timeout(CONTROLLER_LIMIT_S):
        while (await admin.describe_cluster())["controller_id"] < 0:  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.1)


async def _set_up(admin: AIOKafkaAdminClient, topic: str, wanted: dict[str, str]) -> None:
    """Set what is not set of `wanted`."""
    if not wanted:
        return
    ((code, _, _, _, entries),) = (await admin.describe_configs([_resource(topic)]))[0].resources
    _raise_for(code, topic)
    present = {name: value for name, value, _, source, *_ in entries if source == _SET_FOR_THE_TOPIC}
    if not wanted.keys() <= present.keys():  # what the request does not name would no longer be set
        ((code, *_),) = (await admin.alter_configs([_resource(topic, wanted | present)]))[0].resources
        _raise_for(code, topic)


def _resource(topic: str, configs: dict[str, str] | None = None) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, topic, configs)


def _raise_for(code: int, topic: str) -> None:
    if code:
        raise for_code(code)(f"topic {topic}")


def main() -> None:
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or sys.exit("KAFKA_BOOTSTRAP_SERVERS is not set")
    try:
        made = asyncio.run(make_topics(bootstrap))
    except (KafkaError, OSError) as error:
        sys.exit(f"the topics could not be made: {error}")
    print(f"made {', '.join(made)}" if made else "all topics are there")


if __name__ == "__main__":
    main()
