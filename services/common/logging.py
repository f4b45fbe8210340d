"""Structured logs: one event a line with a stable dotted name and fields, as JSON or for a console.

    log = structlog.get_logger()
    log.warning("feed.reconnected", attempt=3)

Log what a person would act on. Never a token, a password or a whole request.
"""

import logging
import sys
from typing import Literal

import structlog

_TIMESTAMP = structlog.processors.TimeStamper(fmt="iso", utc=True)


def configure_logging(service: str, level: str, fmt: Literal["json", "console"]) -> None:
    """Send structlog and the standard library's loggers to stdout in one form, each line naming `service`."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _TIMESTAMP,
        structlog.processors.format_exc_info,
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
