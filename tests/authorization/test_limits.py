"""Limits: each refuses before the hash, returns when to retry, and does not delay other clients."""

import asyncio

import pytest
from grpc import StatusCode
from redis.asyncio import Redis

from services.authorization import metrics
from tests.authorization.client import AuthClient, Failure, failure
from tests.authorization.conftest import Start

HERE, THERE = "192.0.2.1", "198.51.100.2"


def hash_operations() -> float:
    return sum(float(metrics.HASHES.labels(operation)._value.get()) for operation in ("hash", "verify"))


def is_limit(refused: Failure) -> bool:
    return (refused.status, refused.slug) == (StatusCode.RESOURCE_EXHAUSTED, "too_many_attempts")


async def spend_logins(auth: AuthClient, name: str, address: str, times: int) -> None:
    for _ in range(times):
        assert (await failure(auth.login(name, "wrong password", address))).slug == "wrong_credentials"


async def test_one_address_gets_few_attempts_at_one_name(start: Start) -> None:
    auth = (await start(limit_login_name_address="3/minute")).client
    await auth.register("myuser")
    await spend_logins(auth, "myuser", HERE, 3)
    before = hash_operations()
    refused = await failure(auth.login("MYUSER", address=HERE))
    assert is_limit(refused)
    assert refused.retry_after_s is not None
    assert 1 <= refused.retry_after_s <= 60
    assert hash_operations() == before
    await auth.login("myuser", address=THERE)
    await spend_logins(auth, "other", HERE, 1)


async def test_addresses_that_cannot_be_parsed_share_one_limit(start: Start) -> None:
    auth = (await start(limit_login_name_address="2/minute")).client
    await auth.register("myuser")
    await spend_logins(auth, "myuser", "unknown", 1)
    await spend_logins(auth, "myuser", "192.0.2.1:443", 1)
    assert is_limit(await failure(auth.login("myuser", address="192.0.2.2:80")))
    await auth.login("myuser", address=HERE)


async def test_an_unknown_name_meets_the_same_limits(start: Start) -> None:
    auth = (await start(limit_login_name_address="3/minute", limit_login_name="5/minute")).client
    await auth.register("myuser")
    for name in ("myuser", "nobody", " malformed"):
        await spend_logins(auth, name, HERE, 3)
        assert is_limit(await failure(auth.login(name, "wrong password", HERE)))
        await spend_logins(auth, name, THERE, 2)
        assert is_limit(await failure(auth.login(name, "wrong password", THERE)))


async def test_strangers_cannot_lock_out_a_device_that_is_known(start: Start) -> None:
    """Not by this name, not from the device's own address, and not by other names."""
    limits = {"name": "5/hour", "name_address": "3/hour", "address": "4/hour", "all": "9/hour"}
    auth = (await start(**{f"limit_login_{name}": rate for name, rate in limits.items()})).client
    await auth.register("myuser")
    device = (await auth.login_with("myuser", address=HERE)).devices
    await spend_logins(auth, "myuser", HERE, 2)
    assert is_limit(await failure(auth.login("myuser", address=HERE)))
    await spend_logins(auth, "another", HERE, 1)
    assert is_limit(await failure(auth.login("another", address=HERE)))
    await spend_logins(auth, "myuser", THERE, 2)
    assert is_limit(await failure(auth.login("myuser", address="203.0.113.3")))
    for number in range(3):
        await spend_logins(auth, f"name{number}", f"203.0.113.{number}", 1)
    assert is_limit(await failure(auth.login("name9", address="203.0.113.9")))
    again = await auth.login_with("myuser", address=HERE, x_device_tokens=device)
    assert again.devices == device
    wrong = await failure(auth.login_with("myuser", "wrong password", HERE, x_device_tokens=device))
    assert wrong.slug == "wrong_credentials"


async def test_a_known_device_has_a_limit_of_its_own(start: Start) -> None:
    auth = (await start(limit_login_device="2/minute")).client
    await auth.register("myuser")
    one, other = [(await auth.login_with("myuser")).devices for _ in range(2)]
    for _ in range(2):
        await failure(auth.login_with("myuser", "wrong password", x_device_tokens=one))
    assert is_limit(await failure(auth.login_with("myuser", x_device_tokens=one)))
    await auth.login_with("myuser", x_device_tokens=other)


@pytest.mark.parametrize("limit", ["limit_login_device_name", "limit_login_device_address"])
async def test_many_devices_of_one_account_have_limits_together(start: Start, limit: str) -> None:
    auth = (await start(**{limit: "3/minute"})).client
    await auth.register("myuser")
    devices = [(await auth.login_with("myuser", address=HERE)).devices for _ in range(4)]
    for device in devices[:3]:
        await failure(auth.login_with("myuser", "wrong password", HERE, x_device_tokens=device))
    assert is_limit(await failure(auth.login_with("myuser", "wrong password", HERE, x_device_tokens=devices[3])))
    await auth.login("myuser", address=HERE)  # as a stranger


async def test_a_device_is_known_to_the_accounts_that_were_used_there(start: Start) -> None:
    auth = (await start(limit_login_name="2/hour")).client
    held = ""
    for name in ("one", "two"):
        await auth.register(name)
        held = (await auth.login_with(name, x_device_tokens=held)).devices
    await auth.register("three")
    for name in ("ONE", "two"):
        await spend_logins(auth, name, "", 1)
        assert is_limit(await failure(auth.login(name)))
        held = (await auth.login_with(name, x_device_tokens=held)).devices
    await spend_logins(auth, "three", "", 2)
    assert is_limit(await failure(auth.login_with("three", x_device_tokens=held)))


async def test_one_address_gets_limited_attempts_over_all_names(start: Start) -> None:
    auth = (await start(limit_login_address="3/minute")).client
    for number in range(3):
        await spend_logins(auth, f"name{number}", HERE, 1)
    assert is_limit(await failure(auth.login("name9", "wrong password", HERE)))
    await spend_logins(auth, "name9", THERE, 1)


async def test_addresses_of_one_ipv6_customer_count_as_one(start: Start) -> None:
    auth = (await start(limit_login_address="1/minute")).client
    await spend_logins(auth, "myuser", "2001:db8:0:1::1", 1)
    assert is_limit(await failure(auth.login("myuser", address="2001:db8:0:1:ffff::2")))
    await spend_logins(auth, "myuser", "2001:db8:0:2::1", 1)


async def test_logins_over_all_are_limited(start: Start) -> None:
    auth = (await start(limit_login_all="2/minute")).client
    await spend_logins(auth, "one", HERE, 1)
    await spend_logins(auth, "two", "", 1)
    assert is_limit(await failure(auth.login("three", address=THERE)))


async def test_without_an_address_no_limit_takes_all_users_for_one(start: Start) -> None:
    auth = (await start(limit_login_name_address="1/minute", limit_login_address="1/minute")).client
    await spend_logins(auth, "one", "", 2)
    await spend_logins(auth, "two", "", 2)


async def test_a_refused_attempt_spends_nothing_of_the_wider_limits(start: Start) -> None:
    auth = (await start(limit_login_name_address="1/minute", limit_login_all="2/minute")).client
    await spend_logins(auth, "one", HERE, 1)
    for _ in range(3):
        assert is_limit(await failure(auth.login("one", address=HERE)))
    await spend_logins(auth, "two", HERE, 1)


async def test_registrations_are_limited_by_address_and_over_all(start: Start) -> None:
    auth = (await start(limit_register_address="2/minute", limit_register_all="3/minute")).client
    await auth.register("one", address=HERE)
    await auth.register("two", address=HERE)
    before = hash_operations()
    assert is_limit(await failure(auth.register("three", address=HERE)))
    await auth.register("three", address=THERE)
    assert is_limit(await failure(auth.register("four", address="203.0.113.4")))
    assert hash_operations() == before + 1


async def test_refreshes_of_one_address_are_limited(start: Start) -> None:
    auth = (await start(limit_refresh_address="1/minute")).client
    await auth.register("myuser")
    tokens = await auth.login("myuser")
    tokens = await auth.refresh(tokens.refresh, address=HERE)
    assert is_limit(await failure(auth.refresh(tokens.refresh, address=HERE)))
    await auth.refresh(tokens.refresh, address=THERE)


async def test_names_are_not_readable_in_redis(start: Start, redis: Redis) -> None:
    auth = (await start()).client
    await spend_logins(auth, "mistyped-password", HERE, 1)
    keys = [str(key) for key in await redis.keys("*")]
    assert keys
    assert not any("mistyped-password" in key for key in keys)


async def test_hashes_beyond_the_bound_are_refused_at_once(start: Start) -> None:
    auth = (await start(bcrypt_cost=12, hash_threads=1, hash_waiting_max=2)).client
    results = await asyncio.gather(*(auth.register(f"name{number}") for number in range(12)), return_exceptions=True)
    made = [result for result in results if isinstance(result, int)]
    assert len(made) >= 3
    refused = [await failure(_raise(result)) for result in results if isinstance(result, Exception)]
    assert refused
    assert {(each.status, each.slug, each.retry_after_s) for each in refused} == {
        (StatusCode.RESOURCE_EXHAUSTED, "busy", 2)
    }
    await auth.register("later")


async def _raise(error: Exception) -> None:
    raise error
