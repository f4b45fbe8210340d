"""What stands on the terminal: a login that plain HTTP cannot keep is announced."""

import pytest

from deploy.local import banner
from deploy.local.settings import LauncherSettings
from services.profile.settings import ProfileSettings

LAN = "http://192.168.1.5:8080"


@pytest.mark.parametrize(
    ("http_host", "public_origins"),
    [("0.0.0.0", LAN), ("192.168.1.5", f"http://localhost:8080, {LAN}"), ("::", "http://nas.lan:8080")],
)
def test_a_login_without_https_is_announced_to_be_short(http_host: str, public_origins: str) -> None:
    note = banner.without_https(LauncherSettings(http_host=http_host, public_origins=public_origins))

    assert note.startswith(f"Without HTTPS, a login at {public_origins.split(', ')[-1]} lasts only until the page")


@pytest.mark.parametrize(
    "environment",
    [
        {"http_host": "127.0.0.1", "public_origins": LAN},
        {"http_host": "0.0.0.0", "public_origins": "https://coins.example"},
        {"http_host": "0.0.0.0", "public_origins": "http://localhost:8080,http://127.0.0.1:8080,http://[::1]:8080"},
        {"http_host": "0.0.0.0"},
        {"http_host": "0.0.0.0", "public_origins": LAN, "insecure_cookies": "true"},
    ],
)
def test_nothing_is_announced_where_a_login_lasts(environment: dict[str, str]) -> None:
    assert banner.without_https(LauncherSettings(**environment)) == ""  # type: ignore[arg-type]


def test_the_launcher_reads_what_profile_reads() -> None:
    assert {"http_host", "public_origins", "insecure_cookies"} <= ProfileSettings.model_fields.keys()
