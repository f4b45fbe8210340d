"""Whether a gRPC server serves, according to its health service."""

from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc


async def check_channel(channel: aio.Channel) -> None:
    """Raises unless the peer reports SERVING."""
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
