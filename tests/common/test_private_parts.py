"""Private parts of libraries that the services use: each is where it was, or an upgrade must look for another way.

The upper bounds in pyproject.toml keep an upgrade from coming by itself.
"""

import asyncio
import tomllib

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from tests.processes import REPOSITORY

HTTP_PARTS = [
    "client",
    "connections",
    "conn",
    "cycle",
    "flow",
    "handle_events",
    "handle_websocket_upgrade",
    "loop",
    "on_response_complete",
    "send_400_response",
    "transport",
]
WEBSOCKET_PARTS = [
    "close_sent",
    "close_timeout",
    "close_timer",
    "conn",
    "handle_bytes",
    "handle_cont",
    "handle_connect",
    "handle_ping",
    "handle_text",
    "handshake_complete",
    "handshake_initiated",
    "loop",
    "queue",
    "start_keepalive",
    "stop_keepalive",
    "transport",
]
BOUNDED = ("aiokafka", "h11", "redis", "uvicorn", "websockets")


async def nothing(scope: object, receive: object, send: object) -> None:
    """An ASGI application that answers nothing."""


async def test_uvicorn_has_the_parts_of_a_connection_that_ours_extend() -> None:
    config = Config(nothing, log_config=None)
    config.load()
    http = H11Protocol(config, ServerState(), {})
    websocket = WebSocketsSansIOProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    assert [part for part in HTTP_PARTS if not hasattr(http, part)] == []
    assert [part for part in WEBSOCKET_PARTS if not hasattr(websocket, part)] == []


async def test_a_batch_that_waits_for_a_dead_broker_can_be_failed() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    producer._message_accumulator.fail_all(ProducerClosed())
    await producer.stop()


def test_their_next_major_versions_are_not_taken_by_themselves() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = [name for group in project["optional-dependencies"].values() for name in group]
    for requirement in [*project["dependencies"], *extras]:
        if requirement.split(">=")[0].split("[")[0] in BOUNDED:
            assert ",<" in requirement, requirement
