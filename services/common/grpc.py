"""The gRPC kit: servers and channels that notice a dead peer within seconds, with health and reflection.

A frozen peer is seen only when pings go out (`keepalive_time_ms`) *and* their loss counts
(`grpc.http2.ping_timeout_ms`); a server must also permit the pings, or it answers them with GOAWAY.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc
import structlog
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.common.connections import raise_descriptor_limit
from services.common.http import PortTakenError

log = structlog.get_logger()

CALL_TIMEOUT_S = 3.0
"""The deadline of a unary call that has none of its own."""

KEEPALIVE_TIME_MS = 10_000
PING_TIMEOUT_MS = 5_000
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
PREFACE_TIMEOUT_MS = 5_000
"""For a client to connect and exchange HTTP/2's settings."""
MAX_IDLE_MS = 600_000
"""Without a call; a client's channel opens a connection again with its next one."""
MAX_STREAMS = 1_000
"""Calls at once of one connection."""
MAX_CONNECTIONS = 2_000
"""Fewer where the descriptors of the process are: half of them are for databases and files."""

_CHANNEL_OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
    ("grpc.keepalive_timeout_ms", PING_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", PING_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_http_proxy", 0),  # our services speak to each other: a proxy of the environment leads outside
]
_SERVER_OPTIONS: list[tuple[str, int | str]] = [
    *_CHANNEL_OPTIONS,
    ("grpc.http2.min_recv_ping_interval_without_data_ms", KEEPALIVE_TIME_MS // 2),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
    ("grpc.http2.settings_timeout", PREFACE_TIMEOUT_MS),
    ("grpc.server_handshake_timeout_ms", PREFACE_TIMEOUT_MS),
    ("grpc.max_connection_idle_ms", MAX_IDLE_MS),
    ("grpc.max_concurrent_streams", MAX_STREAMS),
]


def open_channel(target: str) -> aio.Channel:
    """A plaintext channel to `target` ("host:port"). Close it with `await channel.close()`."""
    return aio.insecure_channel(target, options=_CHANNEL_OPTIONS)


@asynccontextmanager
async def serve_grpc(
    register: Callable[[aio.Server], None],
    service_names: Sequence[str],
    address: str,
    *,
    interceptors: Sequence[aio.ServerInterceptor] = (),
    grace_s: float = 10.0,
    max_concurrent_rpcs: int | None = None,
) -> AsyncIterator[int]:
    """Serve while the context is open and yield the bound port; leaving it drains calls for `grace_s`.

    `register` adds the servicers to the server; `service_names` are their full names, for health and reflection.
    Raises `PortTakenError`.
    """
    max_connections = min(MAX_CONNECTIONS, raise_descriptor_limit() // 2)
    options = [*_SERVER_OPTIONS, ("grpc.max_allowed_incoming_connections", max_connections)]
    server = aio.server(options=options, interceptors=interceptors, maximum_concurrent_rpcs=max_concurrent_rpcs)
    register(server)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection([*service_names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise PortTakenError(f"cannot listen on {address}") from error
    await server.start()
    for name in ("", *service_names):
        await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    log.info("grpc.listening", address=address, port=port)
    try:
        yield port
    finally:
        await health_servicer.enter_graceful_shutdown()
        await asyncio.shield(server.stop(grace_s))


async def abort(
    context: aio.ServicerContext[Any, Any],
    code: grpc.StatusCode,
    slug: str,
    sentence: str,
    trailing: Sequence[tuple[str, str]] = (),
) -> NoReturn:
    """End the call with `code`, a sentence for a person and a stable slug in the trailing `x-error-code`.

    `trailing` is further trailing metadata. Raises gRPC's own `AbortError`, always.
    """
    await context.abort(code, sentence, trailing_metadata=(("x-error-code", slug), *trailing))
