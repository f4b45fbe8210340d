"""Log lines: one form for all loggers, and no values of variables beside an exception."""

import json
import subprocess
import sys

import pytest

from services.common.logging import MAX_FIELD_CHARACTERS, printable

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


def logged(**fields: str) -> dict[str, object]:
    return dict(printable(None, "info", {"event": "sample", **fields}))


def test_what_a_client_sent_cannot_pass_for_a_line_or_a_command() -> None:
    event = logged(path="/a\r\n2026 [info] forged\x1b[2J\x9b31m\u2028\u202e", exception="Error: x\n  at\x1b[31m")
    assert event["path"] == "/a\\r\\n2026 [info] forged\\x1b[2J\\x9b31m\\u2028\\u202e"
    assert event["exception"] == "Error: x\n  at\\x1b[31m"
    assert logged(name="Ünïcode, кириллица, 日本")["name"] == "Ünïcode, кириллица, 日本"


def test_a_long_field_is_cut_and_its_length_named() -> None:
    text = str(logged(path="x" * 60_000)["path"])
    assert text == "x" * MAX_FIELD_CHARACTERS + "… (60000 characters)"


@pytest.mark.parametrize("form", ["json", "console"])
def test_both_forms_escape(form: str) -> None:
    script = SCRIPT.replace("attempt=3", "path='/\\x1b[2J\\nforged'")
    finished = subprocess.run([sys.executable, "-c", script, form], capture_output=True, text=True, check=True)
    assert "\x1b" not in finished.stdout
    assert not any(line.startswith("forged") for line in finished.stdout.splitlines())
