"""Signs of life: a question that a process answers at once in any state, unless it hangs.

Any answer counts, also a refusal: a server that is starting up, full or without its dependencies is alive, and ending
it would help nothing.
"""

import asyncio
import time
from dataclasses import dataclass

HTTP = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
REDIS = b"PING\r\n"
POSTGRES = bytes.fromhex("00000008 04d2162f")
"""SSLRequest: answered with one byte, before any authentication."""
KAFKA = bytes.fromhex("0000000a 0012 0000 00000001 ffff")
"""ApiVersions, version 0, of a client without a name."""

ANSWER_LIMIT_S = 2.0
INTERVAL_S = 5.0
INTERVAL_IN_DOUBT_S = 1.0
SILENT_QUESTIONS = 6
"""So many questions in a row without an answer, and the process counts as hung: 12 to 20 s. Counted, not timed: a
launcher that slept (a closed lid, Ctrl-Z) has not asked meanwhile."""
FIRST_ANSWER_S = 180.0
"""From the start to the first answer. A first start compiles every module, and the machine may be slow."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Where to ask, and what. `first_answer_s` None: a start may take any time (Kafka recovers its logs before)."""

    port: int
    question: bytes = HTTP
    first_answer_s: float | None = FIRST_ANSWER_S


async def until_silent(pulse: Pulse) -> None:
    """Return once the process that answers `pulse` hangs: no first answer in time, or none any more. Safe to cancel."""
    started = time.monotonic()
    while not await answers(pulse):
        if pulse.first_answer_s is not None and time.monotonic() - started > pulse.first_answer_s:
            return
        await asyncio.sleep(INTERVAL_IN_DOUBT_S)
    silent = 0
    while silent < SILENT_QUESTIONS:
        await asyncio.sleep(INTERVAL_IN_DOUBT_S if silent else INTERVAL_S)
        silent = 0 if await answers(pulse) else silent + 1


async def answers(pulse: Pulse) -> bool:
    """Whether a first byte comes within `ANSWER_LIMIT_S`. A frozen process still has its connections accepted."""
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", pulse.port)
            try:
                writer.write(pulse.question)
                return bool(await reader.read(1))
            finally:
                writer.close()
    except OSError:  # TimeoutError is one
        return False
