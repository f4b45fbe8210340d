"""The gRPC kit: a peer that is dead, frozen or not serving is noticed, and nothing waits for it for ever."""

import asyncio
import sys
from contextlib import suppress

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.common.grpc import open_channel, serve_grpc
from services.common.http import PortTakenError
from tests.common.serving import check_channel
from tests.processes import Process, free_port, until, until_ready


async def test_serves_health_and_drains() -> None:
    serving = serve_grpc(lambda _: None, ["some.Service"], "127.0.0.1:0")
    async with serving as port, open_channel(f"127.0.0.1:{port}") as channel:
        await check_channel(channel)
        stub = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service="some.Service"), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    async with open_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(aio.AioRpcError):
            await check_channel(channel)


async def test_connections_are_bounded_and_silent_ones_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.common.grpc.MAX_CONNECTIONS", 1)
    async with serve_grpc(lambda _: None, [], "127.0.0.1:0") as port, asyncio.timeout(60):
        silent, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await silent.read(1)  # the server's settings: it is in
        refused, other = await asyncio.open_connection("127.0.0.1", port)
        with suppress(ConnectionError):
            assert await refused.read() == b""
        with suppress(ConnectionError):
            await silent.read()
        other.close()
        writer.close()
        async with open_channel(f"127.0.0.1:{port}") as channel:
            await check_channel(channel)


async def test_a_taken_port_is_named() -> None:
    async with serve_grpc(lambda _: None, [], "127.0.0.1:0") as port:
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{port}"):
            async with serve_grpc(lambda _: None, [], f"127.0.0.1:{port}"):
                pass


async def test_a_proxy_of_the_environment_does_not_stand_between_our_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    async with serve_grpc(lambda _: None, [], "127.0.0.1:0") as port, open_channel(f"127.0.0.1:{port}") as channel:
        await check_channel(channel)


async def test_a_frozen_peer_ends_a_stream_that_has_no_deadline() -> None:
    """Without `ping_timeout_ms` this takes a minute; without keep-alive, for ever."""
    port, ops_port = free_port(), free_port()
    env = {"GRPC_ADDRESS": f"127.0.0.1:{port}", "OPS_PORT": str(ops_port)}
    peer = Process([sys.executable, "-m", "tests.common.sample", "grpc"], env).start()
    await until_ready(peer, ops_port)
    async with open_channel(f"127.0.0.1:{port}") as channel:
        stream = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=45)
        assert (await stream.read()).status == health_pb2.HealthCheckResponse.SERVING
        peer.freeze()
        with pytest.raises(aio.AioRpcError) as lost:
            await stream.read()
        assert lost.value.code() is grpc.StatusCode.UNAVAILABLE
        peer.thaw()

        async def answers() -> bool:  # a call that joins the connection as it ends may end with it
            with suppress(aio.AioRpcError):
                await check_channel(channel)
                return True
            return False

        await until(answers, what="the channel answers again")
    assert peer.stop() == 0
