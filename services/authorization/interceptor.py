"""The interceptor around every call: a budget of time, one translation of errors into statuses, and the metrics.

The budget ends before the caller's deadline does, so that a dependency that hangs is reported as UNAVAILABLE, with a
sentence, and not as a deadline that passed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeAlias

import grpc
import structlog
from grpc import aio

from services.authorization import metrics
from services.authorization.errors import AuthError, RetryLaterError, UnavailableError
from services.common.grpc import abort

log = structlog.get_logger()

CALL_BUDGET_S = 10.0
BUDGET_SHARE = 0.8
"""The part of the caller's deadline that we use."""

Context = aio.ServicerContext[Any, Any]
MaybeHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
Behaviour = Callable[[Any, Context], Coroutine[Any, Any, Any]]


class CallInterceptor(aio.ServerInterceptor):
    """Applies to unary calls; streams (of health and reflection) pass through."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[MaybeHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> MaybeHandler:
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        method = handler_call_details.method.rpartition("/")[2]
        behaviour: Any = handler.unary_unary

        async def guarded(request: Any, context: Context) -> Any:
            return await self._answer(method, behaviour, request, context)

        return grpc.unary_unary_rpc_method_handler(
            guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    async def _answer(self, method: str, behaviour: Behaviour, request: Any, context: Context) -> Any:
        started = time.perf_counter()
        status = "CANCELLED"
        try:
            response = await self._within(_budget_s(context), behaviour(request, context))
        except aio.AbortError:  # a servicer of gRPC's own has answered by itself
            status = "ABORTED"
            raise
        except AuthError as error:
            status = error.status.name
            await _abort(context, error)
        except Exception:  # the last stop before the wire: details belong in the log, not in the answer
            status = "INTERNAL"
            log.exception("rpc.failed", method=method)
            await abort(context, grpc.StatusCode.INTERNAL, "internal", "something went wrong")
        else:
            status = "OK"
            return response
        finally:
            metrics.RPCS.labels(method, status).inc()
            metrics.RPC_SECONDS.labels(method).observe(time.perf_counter() - started)

    async def _within(self, budget_s: float, call: Coroutine[Any, Any, Any]) -> Any:
        """The result of `call`; at the end of the budget it is cancelled and left to itself.

        A cancelled call still gives its connection back, which takes seconds when the other side is frozen: bounded
        by the drivers' timeouts, but longer than the caller waits.
        """
        task = asyncio.create_task(call)
        self._running.add(task)
        task.add_done_callback(self._forget)
        try:
            done, _ = await asyncio.wait({task}, timeout=budget_s)
        finally:
            task.cancel()
        if not done:
            raise UnavailableError from TimeoutError()
        return task.result()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved: an abandoned call has no awaiter


def _budget_s(context: Context) -> float:
    remaining_s = context.time_remaining()
    return CALL_BUDGET_S if remaining_s is None else min(CALL_BUDGET_S, remaining_s * BUDGET_SHARE)


async def _abort(context: Context, error: AuthError) -> NoReturn:
    if isinstance(error, UnavailableError):
        log.warning("rpc.unavailable", cause=type(error.__cause__).__name__)
    retry = (("retry-after-s", str(error.retry_after_s)),) if isinstance(error, RetryLaterError) else ()
    await abort(context, error.status, error.slug, str(error), retry)
