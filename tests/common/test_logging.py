"""Log lines: one form for all loggers, and no values of variables beside an exception."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import logging, sys
import structlog
from services.common.logging import configure_logging

configure_logging("sample", "info", sys.argv[1])
log = structlog.get_logger()
log.debug("sample.unseen")
log.info("sample.seen", attempt=3)
logging.getLogger("library").warning("from %s", "outside")
logging.getLogger("httpx").info("GET https://example.org/?token=unseen")

def fail(password):
    raise ValueError("it failed")

try:
    fail("hid" + "den")
except ValueError:
    log.exception("sample.failed")
"""


def lines(form: str) -> list[str]:
    finished = subprocess.run([sys.executable, "-c", SCRIPT, form], capture_output=True, text=True, check=True)
    assert finished.stderr == ""
    return finished.stdout.splitlines()


def test_every_line_is_a_json_object_that_names_the_service() -> None:
    events = [json.loads(line) for line in lines("json")]
    assert [event["event"] for event in events] == ["sample.seen", "from outside", "sample.failed"]
    assert [event["level"] for event in events] == ["info", "warning", "error"]
    assert {event["service"] for event in events} == {"sample"}
    assert events[0]["attempt"] == 3
    assert "ValueError: it failed" in events[2]["exception"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_shows_no_local_variable(form: str) -> None:
    output = "\n".join(lines(form))
    assert "it failed" in output
    assert "hidden" not in output
    assert "unseen" not in output
