"""Bodies that are malformed, oversized or of the wrong type, over a real connection."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import httpx
import pytest
from starlette.types import Message

from services.common.errors import BodyTimeoutError, MalformedError
from services.profile.routes import jsonbody
from services.profile.routes.jsonbody import MAX_BODY_BYTES, decode
from tests.profile.conftest import Service, User, assert_error

COIN = "/v2/coin/symbol"


def test_numbers_are_read_exactly() -> None:
    body = b'{"a":0.123456789012345678,"b":1e2,"c":12345678901234567890123456789,"d":[true,null,"x"]}'
    assert decode(body) == {
        "a": Decimal("0.123456789012345678"),
        "b": Decimal(100),
        "c": 12345678901234567890123456789,
        "d": [True, None, "x"],
    }


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"a":1}{"a":2}',
        b'{"a":1,"a":2}',
        b'{"x":{"a":1,"a":1}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e99999}',
        b'{"a":%s}' % (b"1" * 5000),
        b"[" * 16000,
        b'{"a":' * 3000,
        b'{"a":"\xff"}',
        b"\xff\xfe{\x00}\x00",
        b'{"a":01}',
        b"{'a':1}",
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(body)


@pytest.mark.parametrize("text", ["{", '{"symbol":"btcusdt","quantity":NaN}', "[" * 10_000, '{"symbol":"btcusdt",}'])
async def test_malformed_json(user: User, text: str) -> None:
    assert_error(await user.send("POST", COIN, text), 400, "invalid_json")


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '"x"', "1", '{"quantity":1}', '{"symbol":1,"quantity":1}', '{"symbol":"x"}']
)
async def test_json_of_the_wrong_shape(user: User, text: str) -> None:
    assert_error(await user.send("POST", COIN, text), 422, "invalid_request")


@pytest.mark.parametrize(
    "quantity",
    ["0", "-1", "1e400", "123456789012345678901234567890", "0.0000000000000000001", '"NaN"', "true", "null", "{}"],
)
async def test_quantities_that_are_none(user: User, quantity: str) -> None:
    for method in ("POST", "PATCH"):
        answer = await user.send(method, COIN, f'{{"symbol":"btcusdt","quantity":{quantity}}}')
        assert assert_error(answer, 422, "invalid_quantity").startswith("quantity:")


async def test_an_answer_never_repeats_the_input(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/login", json={"name": ["n"], "password": ["hunter2hunter2"]})
    assert_error(answer, 422, "invalid_request")
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
async def test_other_content_types_are_refused(client: httpx.AsyncClient, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await client.post("/v1/login", content=b'{"name":"n","password":"p"}', headers=headers)
    assert_error(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 201),
        ("application/json; charset=utf-8", 201),
        ("Application/JSON", 201),
        ("application/vnd.example+json", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonp", 415),
    ],
)
async def test_a_bearer_needs_no_content_type(user: User, content_type: str | None, status: int) -> None:
    headers = user.bearer | ({"Content-Type": content_type} if content_type else {})
    answer = await user.client.post(COIN, content=b'{"symbol":"btcusdt","quantity":1}', headers=headers)
    assert answer.status_code == status, answer.text


async def test_a_byte_order_mark_is_no_part_of_the_body(client: httpx.AsyncClient) -> None:
    body = '{"name":"nobody","password":"correct horse battery"}'
    headers = {"Content-Type": "application/json"}
    marked = await client.post("/v1/login", content=body.encode("utf-8-sig"), headers=headers)
    assert_error(marked, 401, "wrong_credentials")
    other = await client.post("/v1/login", content=body.encode("utf-16"), headers=headers)
    assert "UTF-8" in assert_error(other, 400, "invalid_json")


async def test_an_announced_oversized_body_is_not_read(profile: Service) -> None:
    """The answer comes although the body never does."""
    host, port = profile.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/login HTTP/1.1\r\nHost: {profile.address}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 1000000000\r\n\r\n".encode())
    assert (await reader.readline()).split()[1] == b"413"
    writer.close()
    await writer.wait_closed()


async def test_an_oversized_body_of_unknown_length_is_cut(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b" " * 1024

    answer = await client.post("/v1/login", content=endless(), headers={"Content-Type": "application/json"})
    assert_error(answer, 413, "body_too_large")


async def test_the_largest_body_is_read(client: httpx.AsyncClient) -> None:
    body = b'{"name":"nobody","password":"correct horse battery"}'.ljust(MAX_BODY_BYTES)
    answer = await client.post("/v1/login", content=body, headers={"Content-Type": "application/json"})
    assert_error(answer, 401, "wrong_credentials")


@pytest.mark.parametrize("text", ['"a\\u0000b"', '"\\ud800"'])
async def test_text_that_postgresql_or_grpc_cannot_hold(user: User, text: str) -> None:
    for path, body in (
        (COIN, f'{{"symbol":{text},"quantity":1}}'),
        ("/v1/login", f'{{"name":{text},"password":"correct horse"}}'),
        ("/v1/register", f'{{"name":"x","password":{text}}}'),
    ):
        answer = await user.send("POST", path, body)
        assert answer.status_code == 422, (path, answer.text)
        assert answer.json()["code"] in {"invalid_request", "invalid_symbol"}


async def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silence() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nothing sets the event")

    monkeypatch.setattr(jsonbody, "BODY_TIMEOUT_S", 0.01)
    with pytest.raises(BodyTimeoutError):
        await jsonbody.ExactRequest({"type": "http", "headers": []}, silence).body()


async def test_a_fault_of_ours_reveals_nothing_about_itself(user: User, profile: Service) -> None:
    connection = await asyncpg.connect(profile.database_url)
    await connection.execute("ALTER TABLE coins RENAME TO hidden")
    try:
        answer = await user.request("GET", "/v2/coin/symbols")
    finally:
        await connection.execute("ALTER TABLE hidden RENAME TO coins")
        await connection.close()
    assert_error(answer, 500, "internal_error")
    assert "coins" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "request.failed" in profile.process.output()


async def test_unknown_routes_and_methods_have_the_shape_of_errors(client: httpx.AsyncClient) -> None:
    assert_error(await client.get("/nowhere"), 404, "not_found")
    refused = await client.put("/v1/login", json={})
    assert_error(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "POST, OPTIONS"


async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    for answer in (await client.get("/nowhere"), await client.get("/docs"), await client.post("/v1/auth/test")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers
