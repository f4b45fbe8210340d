"""A websocket ends with the session that opened it, or at an age at which it must prove that session again."""

import asyncio
from dataclasses import replace

import pytest
from redis.asyncio import Redis
from websockets.exceptions import InvalidStatus

from tests.processes import until
from tests.profile.live.conftest import QUICK
from tests.profile.live.replica import Portfolios, Replica, metric, running_replica


async def test_a_revoked_session_is_closed_and_no_other(replica: Replica, redis: Redis, portfolios: Portfolios) -> None:
    async with replica.client(1, "ended") as ended, replica.client(1, "other") as other:
        for client in (ended, other):
            await client.document()
        await redis.publish("auth:revocations", '{"user_id":1,"session_id":"ended"}')
        assert await ended.close_code() == 4401
        portfolios.put(1, "renamed", btcusdt="1.5")
        await replica.manager.portfolio_changed(1)
        assert (await other.document())["Name"] == "renamed"
        await redis.publish("auth:revocations", '{"user_id":1,"session_id":"other"}')
        assert await other.close_code() == 4401


async def test_revoking_all_of_a_user_spares_tokens_issued_later(replica: Replica, redis: Redis) -> None:
    async with (
        replica.client(1, "old", 1000) as old,
        replica.client(1, "", None) as minimal,
        replica.client(1, "new", 1001) as new,
    ):
        await redis.set("auth:revoked:user:1", "1000")
        await redis.publish("auth:revocations", '{"user_id":1,"session_id":null}')
        assert [await old.close_code(), await minimal.close_code()] == [4401, 4401]
        await new.document()
        await replica.manager.portfolio_changed(1)
        await new.document()


async def test_a_session_revoked_before_it_is_attached_is_refused(replica: Replica, redis: Redis) -> None:
    await redis.set("auth:revoked:session:gone", "1")
    with pytest.raises(InvalidStatus) as refused:
        async with replica.client(1, "gone"):
            pass
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("message", [b"{", b'{"user_id":1,"session_id":"\xff"}', b"[" * 10_000], ids=len)
async def test_a_malformed_revocation_is_counted(replica: Replica, redis: Redis, message: bytes) -> None:
    before = metric("profile_live_malformed_total", kind="revocation")
    await redis.publish("auth:revocations", message)
    await until(lambda: metric("profile_live_malformed_total", kind="revocation") > before)


async def test_an_old_websocket_must_authenticate_again(redis_url: str, portfolios: Portfolios) -> None:
    async with running_replica(redis_url, portfolios, replace(QUICK, max_age_s=1.0)) as replica:
        loop = asyncio.get_running_loop()
        opened_s = loop.time()
        async with replica.client(1, "ended") as first, replica.client(1, "ended") as second:
            assert [await first.close_code(), await second.close_code()] == [1012, 1012]
            assert loop.time() >= opened_s + 0.9


async def test_websockets_that_open_together_do_not_end_together(replica: Replica) -> None:
    ends_s = [replica.manager._seats.draw_end_s() for _ in range(100)]
    assert max(ends_s) - min(ends_s) > 0.1 * QUICK.max_age_s
    assert all(0.85 <= (end_s - asyncio.get_running_loop().time()) / QUICK.max_age_s <= 1.15 for end_s in ends_s)
