"""The engine's exceptions taken apart, blocks without rows, and passwords: without a server."""

import base64
from pathlib import Path

import pytest

from deploy.local import clickhouse
from deploy.local.clickhouse import server
from deploy.local.clickhouse.access import Role
from deploy.local.clickhouse.errors import DatabaseError, from_engine
from deploy.local.clickhouse.formats import empty_native, may_stream
from deploy.local.clickhouse.request import authenticate, read_request, with_form


@pytest.mark.parametrize(
    ("raised", "code", "name", "message"),
    [
        ("Code: 60. DB::Exception: No (x) (yet). (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", "No (x) (yet)."),
        ("Code: 3. DB::Exception: Of\nlines. (A_B) (version 26.9.2.1)", 3, "A_B", "Of\nlines."),
        ("Code: 1. DB::Exception: A. (A_B) (version 26.9.2.1 (official build))", 1, "A_B", "A."),
        ("Code: 210. DB::NetException: Refused. (NETWORK_ERROR)", 210, "NETWORK_ERROR", "Refused."),
        ("something else", 1001, "STD_EXCEPTION", "something else."),
    ],
)  # fmt: skip
def test_an_engines_exception_is_taken_apart(raised: str, code: int, name: str, message: str) -> None:
    failure = from_engine(RuntimeError(raised))
    assert (failure.code, failure.name, failure.message) == (code, name, message)
    assert failure.text("1.2") == f"Code: {code}. DB::Exception: {message} ({name}) (version 1.2)\n"


def test_a_block_without_rows_names_its_columns_without_low_cardinality() -> None:
    block = empty_native([("a", "LowCardinality(Nullable(String))"), ("ü", "Map(LowCardinality(String), Int8)")])
    assert block == b"\x02\x00\x01a\x10Nullable(String)\x02\xc3\xbc\x11Map(String, Int8)"
    assert empty_native([("x" * 200, "Int8")]).startswith(b"\x01\x00\xc8\x01x")


def test_only_formats_without_a_frame_around_their_rows_are_streamed() -> None:
    assert all(map(may_stream, ["Native", "TSV", "TabSeparated", "CSV", "RowBinary", "JSONEachRow"]))
    assert not any(map(may_stream, ["JSON", "Parquet", "Arrow", "ArrowStream", "CSVWithNames", "Pretty"]))


def request_with(**headers: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]


@pytest.mark.parametrize("password", ["right", "r:ght", "ü"])
def test_a_password_may_hold_anything(password: str) -> None:
    basic = base64.b64encode(f"crypto:{password}".encode()).decode()
    request = read_request("GET", b"", request_with(authorization=f"Basic {basic}"))
    users = {"crypto": (password, Role.WRITER), "reader": ("other", Role.READER)}
    assert authenticate(request, users).role is Role.WRITER
    with pytest.raises(DatabaseError, match="Authentication failed"):
        authenticate(request, {"crypto": ("other", Role.WRITER), "reader": (password, Role.READER)})


def test_a_form_adds_to_the_url_and_files_are_refused() -> None:
    request = read_request("POST", b"database=d", request_with(content_type="multipart/form-data; boundary=X"))
    head = b'--X\r\nContent-Disposition: form-data; name="query"'
    form = with_form(request, head + b"\r\n\r\nSELECT '\xc3\xbc\r\n--'\r\n--X--\r\n")
    assert (form.query.decode(), form.database) == ("SELECT 'ü\r\n--'", "d")
    with pytest.raises(DatabaseError, match="External data"):
        with_form(request, head + b'; filename="x"\r\n\r\n1\r\n--X--\r\n')


def test_a_platform_without_the_engine_gets_instructions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(server, "DIRECTORY", tmp_path)
    assert not clickhouse.available()
    with pytest.raises(RuntimeError, match="set CLICKHOUSE_URL"):
        clickhouse.prepare(tmp_path / "data", 1, "secret", "other")


@pytest.mark.skipif(not clickhouse.available(), reason="no ClickHouse engine for this platform")
def test_the_data_are_private_and_the_password_stands_in_url_and_environment_alone(tmp_path: Path) -> None:
    prepared = clickhouse.prepare(tmp_path / "data", 1, "se/cret", "no/cret")
    assert prepared.data_dir.stat().st_mode & 0o777 == 0o700
    assert prepared.url == "http://crypto:se%2Fcret@127.0.0.1:1/crypto"
    assert prepared.reader_url == "http://crypto_reader:no%2Fcret@127.0.0.1:1/crypto"
    assert "se/cret" in prepared.env.values()
    assert not any("cret" in argument for argument in prepared.command)
