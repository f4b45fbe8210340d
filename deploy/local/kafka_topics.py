"""`python -m deploy.local.kafka_topics`: makes our topics on `KAFKA_BOOTSTRAP_SERVERS`, those that are missing."""

import asyncio
import os
import sys

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

TOPICS = {"binance.miniticker": 3, "binance.miniticker.dlq": 1}
"""Name → number of partitions; one copy of each."""
REQUEST_LIMIT_MS = 10_000


async def make_topics(bootstrap: str) -> list[str]:
    """Make what is missing of `TOPICS`; the names of the new ones. Raises KafkaError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_LIMIT_MS)
    await admin.start()
    try:
        wanted = [NewTopic(name, partitions, 1) for name, partitions in TOPICS.items()]
        answer = await admin.create_topics(wanted)
    finally:
        await admin.close()
    made = []
    for name, code, *_ in answer.topic_errors:
        problem = for_code(code)
        if code and problem is not TopicAlreadyExistsError:
            raise problem(f"topic {name}")
        if not code:
            made.append(name)
    return made


def main() -> None:
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or sys.exit("KAFKA_BOOTSTRAP_SERVERS says where Kafka is")
    try:
        made = asyncio.run(make_topics(bootstrap))
    except (KafkaError, OSError) as error:
        sys.exit(f"the topics could not be made: {error}")
    print(f"made {', '.join(made)}" if made else "all topics are there")


if __name__ == "__main__":
    main()
