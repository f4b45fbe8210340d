"""An answer on its way out: held back while it is small, so that a late error still gets its own status."""

import asyncio
import secrets
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import Any

from deploy.local.clickhouse.body import ClientGoneError
from deploy.local.clickhouse.codecs import choose_encoding, encoder
from deploy.local.clickhouse.errors import DatabaseError
from deploy.local.clickhouse.request import Request

Send = Any
"""ASGI's."""

HELD_BYTES = 1 << 20
"""As many as ClickHouse's output buffer holds before the head leaves (`buffer_size`)."""
_IN_MEMORY_BYTES = 8 << 20
SEND_TIMEOUT_S = 30.0
"""How long a client may read nothing of its answer (`http_send_timeout`): its place is free then."""
_EXPOSED = ",".join(f"X-ClickHouse-{name}" for name in ("Query-Id", "Summary", "Format", "Timezone", "Exception-Code"))


class Answer:
    """The head goes out with the first megabyte, or, with `wait_end_of_query`, when everything is there.

    What fails before is answered with a status and a code. What fails later ends the body with the exception between
    markers and without its last chunk, so that no client takes it for whole.
    """

    def __init__(self, send: Send, request: Request, version: str, timezone: str) -> None:
        self._send = send
        self._request = request
        self._version = version
        self._encoding = choose_encoding(request.accepted_encodings)
        self._encoder = encoder(self._encoding)
        self._held = SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 # until close
        self._held_bytes = 0
        self._written = False
        self.query_id = request.query_id
        self._tag = secrets.token_hex(8)
        self.started = False
        self.summary: dict[str, str] = {}
        self.headers = {
            "X-ClickHouse-Server-Display-Name": "crypto-local",
            "X-ClickHouse-Query-Id": request.query_id,
            "X-ClickHouse-Timezone": timezone,
            **cors(request),
        }

    async def write(self, data: bytes) -> None:
        """Add to the body. Waits while the client does not read; ClientGoneError when it has not for too long."""
        self._written = True
        packed = self._encoder.encode(data)
        if self.started:
            await self._body(packed)
            return
        self._held.write(packed)
        self._held_bytes += len(packed)
        if self._held_bytes >= HELD_BYTES and not self._request.waits_for_end:
            await self._start(200, {"X-ClickHouse-Exception-Tag": self._tag})
            await self._send_held()

    async def finish(self) -> None:
        """The body is whole."""
        last = self._encoder.finish() if self._written else b""
        if self.started:
            await self._body(last, more=False)
            return
        await self._start(200, {"Content-Length": str(self._held_bytes + len(last))})
        await self._send_held()
        await self._body(last, more=False)

    async def fail(self, failure: DatabaseError) -> None:
        """Instead of an end. Once the head is out, the caller must leave the answer without its end."""
        text = failure.text(self._version).encode(errors="surrogateescape")
        if self.started:
            marked = b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n"
            tag = self._tag.encode()
            with suppress(ClientGoneError):
                await self._body(self._encoder.encode(marked % (tag, text, len(text), tag)) + self._encoder.finish())
            return
        self._encoding = ""
        self.headers["Content-Type"] = "text/plain; charset=UTF-8"
        extra = {"X-ClickHouse-Exception-Code": str(failure.code), "Content-Length": str(len(text))}
        if failure.status == 401:
            extra["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        await self._start(failure.status, extra)
        await self._body(text, more=False)

    async def _start(self, status: int, extra: dict[str, str]) -> None:
        self.started = True
        headers = {**self.headers, **extra}
        if self.summary:
            headers["X-ClickHouse-Summary"] = "{" + ",".join(f'"{k}":"{v}"' for k, v in self.summary.items()) + "}"
        if self._encoding and self._written and status == 200:
            headers["Content-Encoding"] = self._encoding
        raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _body(self, data: bytes, *, more: bool = True) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._send({"type": "http.response.body", "body": data, "more_body": more})
        except TimeoutError as late:
            raise ClientGoneError from late

    async def _send_held(self) -> None:
        self._held.seek(0)
        while part := self._held.read(HELD_BYTES):
            await self._body(part)

    def close(self) -> None:
        """Give up what is held."""
        self._held.close()


def cors(request: Request) -> dict[str, str]:
    """Any page may ask, since none can without the password, which a browser does not add by itself (ADR 10)."""
    if "origin" not in request.headers:
        return {}
    return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}
