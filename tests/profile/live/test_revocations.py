"""A websocket ends with the session that opened it."""

import pytest
from redis.asyncio import Redis
from websockets.exceptions import InvalidStatus

from tests.processes import until
from tests.profile.live.replica import Replica, metric


async def test_a_revoked_session_is_closed_and_no_other(replica: Replica, redis: Redis) -> None:
    async with replica.client(1, "ended") as ended, replica.client(1, "other") as other:
        for client in (ended, other):
            await client.document()
        await redis.publish("auth:revocations", '{"user_id":1,"session_id":"ended"}')
        assert await ended.close_code() == 4401
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


async def test_a_malformed_revocation_is_counted(replica: Replica, redis: Redis) -> None:
    before = metric("profile_live_malformed_total", kind="revocation")
    await redis.publish("auth:revocations", "{")
    await until(lambda: metric("profile_live_malformed_total", kind="revocation") > before)
