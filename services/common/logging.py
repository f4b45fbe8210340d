"""Structured logs: one event a line with a stable dotted name and fields, as JSON or for a console.

    log = structlog.get_logger()
    log.warning("feed.reconnected", attempt=3)

Log what a person would act on. Never a token, a password or a whole request.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

MAX_FIELD_CHARACTERS = 1_000
MAX_STACK_CHARACTERS = 32_000
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What ends a line, commands a terminal, or turns the direction of writing."""
_UNPRINTABLE_IN_STACK = re.compile("[^\n\t\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\U0010ffff]")

_TIMESTAMP = structlog.processors.TimeStamper(fmt="iso", utc=True)


def printable(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Texts of bounded length, with what could pass for another line escaped: they may hold what a client has sent."""
    for name, value in event.items():
        if isinstance(value, str):
            stack = name in ("exception", "stack")
            limit = MAX_STACK_CHARACTERS if stack else MAX_FIELD_CHARACTERS
            text = value if len(value) <= limit else f"{value[:limit]}… ({len(value)} characters)"
            event[name] = (_UNPRINTABLE_IN_STACK if stack else _UNPRINTABLE).sub(_escaped, text)
    return event


def _escaped(character: re.Match[str]) -> str:
    return character.group().encode("unicode_escape").decode()


def configure_logging(service: str, level: str, fmt: Literal["json", "console"]) -> None:
    """Send structlog and the standard library's loggers to stdout in one form, each line naming `service`."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _TIMESTAMP,
        structlog.processors.format_exc_info,
        printable,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if fmt == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    numeric_level = logging.getLevelName(level.upper())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(numeric_level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=numeric_level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "websockets", "limits"):
        logging.getLogger(chatty).setLevel(max(numeric_level, logging.WARNING))
    # uvicorn warns at each request that a client has got wrong: such are counted (`http_refused`), not logged.
    for led_by_clients in ("uvicorn.access", "uvicorn.error"):
        logging.getLogger(led_by_clients).setLevel(max(numeric_level, logging.ERROR))
    structlog.contextvars.bind_contextvars(service=service)
