"""Sentences for the API's error codes: the web app has one for every code that a browser can receive."""

import re

from services.profile.upstream.authorization_client import _SENTENCES
from tests.processes import REPOSITORY

NOT_SHOWN = {
    # Only a program that is not the web app can cause these.
    "body_too_large",
    "http_error",
    "incomplete_body",
    "invalid_json",
    "method_not_allowed",
    "not_found",
    "unsupported_media_type",
    "upgrade_required",
    # A browser does not show a script why a websocket was refused.
    "invalid_ticket",
    "live_unavailable",
    "no_profile",
    "restarting",
    "too_many_websockets",
}


def test_every_code_has_a_sentence_in_the_web_app() -> None:
    web = (REPOSITORY / "web" / "src" / "api" / "errors.ts").read_text()
    shown = set(re.findall(r"^    (\w+): '", web, re.MULTILINE))
    shown |= set(re.findall(r"^  \['(\w+)', '", web, re.MULTILINE))
    codes = _codes()
    assert codes - NOT_SHOWN <= shown, sorted(codes - NOT_SHOWN - shown)
    assert codes >= NOT_SHOWN, sorted(NOT_SHOWN - codes)


def _codes() -> set[str]:
    """Those that profile makes, those of the kit, and those of dashboard, which profile hands on."""
    services = REPOSITORY / "services"
    profile = [path for path in (services / "profile").rglob("*.py") if "metrics" not in path.name]
    modules = [*profile, services / "common" / "error_answers.py", services / "dashboard" / "errors.py"]
    made = {
        code
        for path in modules
        for code in re.findall(r'[(,]\s*"([a-z_]+)",\s*(?:f?"[^"]* |sentence)', path.read_text())
    }
    return made | set(_SENTENCES)
