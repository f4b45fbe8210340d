"""The dependencies of the routes run on the event loop."""

from collections.abc import Iterator
from inspect import iscoroutinefunction
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from services.profile.routes import accounts, coins, market, profile


def calls_of(dependant: Dependant) -> Iterator[Any]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from calls_of(dependency)


def test_no_dependency_runs_in_a_thread() -> None:
    """Requests spend from limits in one, which are no one's but the loop's."""
    routers = (accounts.router, coins.router, market.router, profile.router)
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    calls = {call for route in routes for call in calls_of(route.dependant)}
    assert len(calls) > 5
    assert [
        call for call in calls if not iscoroutinefunction(call) and not iscoroutinefunction(type(call).__call__)
    ] == []
