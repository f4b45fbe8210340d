"""Settings: read from the environment, refused in sentences that hold no value."""

import pytest
from pydantic import Field

from services.common.settings import ServiceSettings, load_settings


class Settings(ServiceSettings):
    database_url: str = Field(repr=False)
    keys: dict[str, str] = Field(default_factory=dict)


class Derived(Settings):
    doubled: int = Field(default_factory=lambda data: 2 * data["ops_port"])


def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:hidden@b/c")
    monkeypatch.setenv("KEYS", '{"a":"b"}')
    monkeypatch.setenv("OPS_PORT", "9000")
    settings = load_settings(Settings)
    assert (settings.keys, settings.ops_port, settings.ops_host) == ({"a": "b"}, 9000, "127.0.0.1")
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "setting DATABASE_URL: Field required"),
        ({"OPS_PORT": "hidden"}, "setting OPS_PORT: "),
        ({"OPS_PORT": "65536"}, "setting OPS_PORT: "),
        ({"LOG_LEVEL": "hidden"}, "setting LOG_LEVEL: "),
        ({"KEYS": "hidden"}, '"keys"'),
        ({"KEYS": '["hidden"]'}, "setting KEYS: "),
        ({"SHUTDOWN_TIMEOUT_S": "0"}, "setting SHUTDOWN_TIMEOUT_S: "),
    ],
)
def test_an_error_names_the_wrong_variable_and_not_its_value(
    environment: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        load_settings(Settings)
    assert ended.value.code == 2
    errors = capsys.readouterr().err
    assert sentence in errors
    assert "hidden" not in errors


def test_does_not_complain_about_what_only_follows_from_a_wrong_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPS_PORT", "-1")
    with pytest.raises(SystemExit):
        load_settings(Derived)
    errors = capsys.readouterr().err
    assert [line.partition(":")[0] for line in errors.splitlines()] == ["setting OPS_PORT", "setting DATABASE_URL"]
