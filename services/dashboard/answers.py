"""Answers: documents that clients may keep, and errors.

A document's ETag is a hash of its bytes, weak since it may travel compressed. Large ones are compressed once, in a
thread, for clients that accept gzip.
"""

import asyncio
import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import Request, Response

from services.common.error_answers import ErrorAnswers
from services.dashboard import metrics

JSON = "application/json"
CSV = "text/csv; charset=utf-8; header=present"
GZIP_FROM_BYTES = 2048
GZIP_IN_THREAD_FROM_BYTES = 64 * 1024
GZIP_LEVEL = 1
"""Level 6 costs five times the CPU for a sixth less of size (docs/adr/0015-market-api.md)."""
_COMPRESSIBLE = frozenset({JSON, CSV})
_REFUSED = re.compile(r"[qQ]=0(\.0*)?")

ANSWERS = ErrorAnswers(metrics.ERRORS)


@dataclass(slots=True)
class Document:
    """A finished answer. `max_age_s` is how long a client may use it unasked."""

    body: bytes
    max_age_s: int
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str = field(init=False)
    _zipped: bytes | None = field(init=False, default=None)
    _zipping: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.etag = f'W/"{hashlib.blake2b(self.body, digest_size=12).hexdigest()}"'

    async def zipped(self) -> bytes:
        async with self._zipping:
            if self._zipped is None:
                if len(self.body) < GZIP_IN_THREAD_FROM_BYTES:
                    self._zipped = gzip.compress(self.body, GZIP_LEVEL, mtime=0)
                else:
                    self._zipped = await asyncio.to_thread(gzip.compress, self.body, GZIP_LEVEL, mtime=0)
            return self._zipped

    @property
    def compressible(self) -> bool:
        return self.media_type in _COMPRESSIBLE and len(self.body) >= GZIP_FROM_BYTES


async def answer(request: Request, document: Document) -> Response:
    """The document, or 304 to who has it already."""
    headers = {
        **document.headers,
        "ETag": document.etag,
        "Cache-Control": f"public, max-age={document.max_age_s}",
        "Vary": "Accept-Encoding",
    }
    if has_already(request.headers.get("if-none-match", ""), document.etag):
        metrics.NOT_MODIFIED.inc()
        return Response(status_code=304, headers=headers)
    if document.compressible and accepts_gzip(request.headers.get("accept-encoding", "")):
        body = await document.zipped()
        return Response(body, media_type=document.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(document.body, media_type=document.media_type, headers=headers)


def has_already(if_none_match: str, etag: str) -> bool:
    """Weak comparison, RFC 9110 section 13.1.2."""
    given = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in given or etag.removeprefix("W/") in given


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is named and not refused, RFC 9110 section 12.5.3. `*` alone is not taken for it."""
    for offer in accept_encoding.split(","):
        coding, _, parameters = offer.partition(";")
        if coding.strip().lower() == "gzip":
            return _REFUSED.fullmatch(parameters.replace(" ", "")) is None
    return False
