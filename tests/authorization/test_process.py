"""The service as its own process: start, refusal to start, SIGTERM under load, and what its log holds."""

import asyncio
import json
from collections.abc import Mapping

import asyncpg
import grpc
import pytest
from grpc import aio

from services.authorization.settings import AuthorizationSettings
from services.common.grpc import open_channel
from services.common.settings import load_settings
from tests.authorization.client import AuthClient, failure
from tests.authorization.conftest import KEY
from tests.common.serving import check_channel
from tests.processes import Process, free_port, service, until, until_ready


@pytest.fixture
def environment(migrated_url: str, redis_url: str) -> dict[str, str]:
    return {
        "GRPC_ADDRESS": f"127.0.0.1:{free_port()}",
        "OPS_PORT": str(free_port()),
        "DATABASE_URL": migrated_url,
        "REDIS_URL": redis_url,
        "JWT_KEYS": json.dumps({"new": KEY}),
        "JWT_ACTIVE_KID": "new",
        "BCRYPT_COST": "4",
        "LIMIT_REGISTER_ALL": "100000/minute",
        "HASH_WAITING_MAX": "1000",
        "LOG_FORMAT": "json",
    }


async def started(environment: Mapping[str, str]) -> Process:
    process = service("authorization", environment).start()
    await until_ready(process, int(environment["OPS_PORT"]))
    return process


async def test_sigterm_under_load_loses_no_acknowledged_registration(
    environment: dict[str, str], database: asyncpg.Connection
) -> None:
    process = await started(environment)
    acknowledged: set[str] = set()
    ends: set[grpc.StatusCode] = set()

    async def register_until_the_end(worker: int) -> None:
        async with open_channel(environment["GRPC_ADDRESS"]) as channel:
            auth = AuthClient.over(channel)
            for number in range(100_000):
                try:
                    await auth.register(f"user-{worker}-{number}")
                except aio.AioRpcError as error:
                    ends.add(error.code())
                    return
                acknowledged.add(f"user-{worker}-{number}")

    async def stop_in_the_middle() -> int:
        await until(lambda: len(acknowledged) >= 40, what="the load")
        return await asyncio.to_thread(process.stop)

    async with asyncio.TaskGroup() as tasks:
        stopping = tasks.create_task(stop_in_the_middle())
        for worker in range(8):
            tasks.create_task(register_until_the_end(worker))
    assert stopping.result() == 0, process.output()
    kept = {row["name"] for row in await database.fetch("SELECT name FROM accounts")}
    assert acknowledged <= kept
    assert ends <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_logs_that_it_serves_and_no_secret(environment: dict[str, str]) -> None:
    process = await started({**environment, "LOG_LEVEL": "debug", "REFRESH_GRACE_S": "0"})
    async with open_channel(environment["GRPC_ADDRESS"]) as channel:
        await check_channel(channel)
        auth = AuthClient.over(channel)
        await auth.register("myuser", "a very secret one")
        await failure(auth.login("myuser", "another secret one"))
        tokens = await auth.login("myuser", "a very secret one")
        renewed = await auth.refresh(tokens.refresh)
        await failure(auth.refresh(tokens.refresh))
        await failure(auth.verify(f"{renewed.access}x"))
    assert process.stop() == 0
    log = process.output()
    assert '"event": "refresh.reused"' in log
    for secret in ("secret one", tokens.refresh, tokens.access, renewed.refresh, renewed.access, KEY):
        assert secret not in log


async def test_starts_without_its_dependencies_and_reports_what_is_missing(environment: dict[str, str]) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    environment |= {"DATABASE_URL": f"postgresql://a:b@{nowhere}/a", "REDIS_URL": f"redis://{nowhere}/0"}
    process = service("authorization", environment).start()
    async with open_channel(environment["GRPC_ADDRESS"]) as channel:
        await asyncio.wait_for(channel.channel_ready(), 30)
        assert (await failure(AuthClient.over(channel).login("myuser"))).status is grpc.StatusCode.UNAVAILABLE
    assert process.stop() == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"JWT_KEYS": '{"new":"short secret"}'}, "key 'new' is shorter than 32 bytes"),
        ({"JWT_KEYS": "{}"}, "at least one key is needed"),
        ({"JWT_KEYS": "short secret"}, "jwt_keys"),
        ({"JWT_ACTIVE_KID": "other"}, "JWT_ACTIVE_KID names no key of JWT_KEYS"),
        ({"BCRYPT_COST": "3"}, "BCRYPT_COST"),
        ({"LIMIT_LOGIN_NAME": "many"}, "LIMIT_LOGIN_NAME"),
    ],
)
def test_refuses_bad_settings_in_a_sentence(
    changes: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {
        "DATABASE_URL": "postgresql://a:b@127.0.0.1:1/a",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "JWT_KEYS": json.dumps({"new": KEY}),
        "JWT_ACTIVE_KID": "new",
    }
    for variable, value in {**good, **changes}.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as ended:
        load_settings(AuthorizationSettings)
    assert ended.value.code == 2
    errors = capsys.readouterr().err
    assert sentence in errors
    assert "short secret" not in errors
