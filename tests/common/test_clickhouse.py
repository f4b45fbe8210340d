"""The one way to connect to ClickHouse: what of the URL reaches the server."""

import asyncio
import base64

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from services.common.clickhouse import connect


@pytest.mark.parametrize(
    ("user_info", "expected"),
    [("crypto:secret@", "crypto:secret"), ("crypto:p%40ss%2Fw%23rd%3A@", "crypto:p@ss/w#rd:")],
)
async def test_name_and_password_may_be_percent_encoded(user_info: str, expected: str) -> None:
    heads: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1") as server, asyncio.timeout(30):
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ClickHouseError):
            await connect(f"http://{user_info}127.0.0.1:{port}/crypto", timeout_s=20)
    fields = dict(line.split(b": ", 1) for line in heads[0].split(b"\r\n")[1:] if line)
    scheme, _, credentials = fields[b"Authorization"].partition(b" ")
    assert (scheme, base64.b64decode(credentials).decode()) == (b"Basic", expected)
