"""The HTTP interface as curl, a browser and Tabix use it; see https://clickhouse.com/docs/interfaces/http."""

import gzip
import json
import socket
from collections.abc import AsyncIterator

import httpx
import lz4.frame  # type: ignore[import-untyped]
import pytest

from deploy.local.clickhouse.codecs import Decoder
from tests.clickhouse.conftest import Raw
from tests.clickhouse_server import RunningClickHouse


async def test_ping_and_a_bare_get_need_no_password(clickhouse_server: RunningClickHouse) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{clickhouse_server.server.port}", trust_env=False) as http:
        assert (await http.get("/ping")).text == "Ok.\n"
        assert (await http.get("/")).text == "Ok.\n"


async def test_the_query_may_stand_in_the_url_in_the_body_or_begin_in_one_and_go_on_in_the_other(raw: Raw) -> None:
    assert (await raw.get("SELECT 1")).text == "1\n"
    assert (await raw.post("SELECT 1")).text == "1\n"
    assert (await raw.post("1 + 1 FORMAT CSV", query="SELECT")).text == "2\n"
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl -d sends with any body
    assert (await raw.post("SELECT 'a=b&c'", headers=form)).text == "a=b&c\n"


async def test_data_follow_the_query_in_the_body_or_make_up_the_body(raw: Raw) -> None:
    await raw.post("CREATE TABLE t (a UInt32, s String) ENGINE = MergeTree ORDER BY a")
    for number, (query, body) in enumerate(
        [
            ("", "INSERT INTO t FORMAT CSV\n1,x\n2,y\n"),
            ("INSERT INTO t FORMAT CSV", "1,x\n2,y\n"),
            ("INSERT INTO t (s, a) FORMAT JSONEachRow", '{"a":1,"s":"x"}{"a":2,"s":"y"}'),
            ("", "INSERT INTO t VALUES (1, 'x'), (2, lower('Y'))"),
            ("INSERT INTO t VALUES", "(1, 'x'), (2, 'y')"),
            ("INSERT INTO t", "SELECT 1, 'x' UNION ALL SELECT 2, 'y'"),
        ]
    ):
        answer = await raw.post(body, query=query)
        assert (answer.status_code, answer.text) == (200, ""), number
        assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
        assert await raw.value("SELECT arraySort(groupArray((a, s))) FROM t") == "[(1,'x'),(2,'y')]"
        await raw.post("TRUNCATE TABLE t")


async def test_a_chunked_body_may_be_cut_anywhere(raw: Raw) -> None:
    await raw.post("CREATE TABLE t (a UInt32, s String) ENGINE = MergeTree ORDER BY a")

    async def bytewise() -> AsyncIterator[bytes]:
        for byte in b"INSERT INTO t FORMAT TSV\n1\tx\n2\ty\n":
            yield bytes([byte])

    assert (await raw.post(bytewise())).status_code == 200
    assert await raw.value("SELECT sum(a) FROM t") == "3"


async def test_bodies_may_be_compressed_in_several_frames(raw: Raw) -> None:
    await raw.post("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    for encoding, compress in (("gzip", gzip.compress), ("lz4", lz4.frame.compress)):
        body = compress(b"INSERT INTO t FORMAT CSV\n1\n") + compress(b"2\n") + compress(b"4\n")
        assert (await raw.post(body, headers={"Content-Encoding": encoding})).status_code == 200
    assert await raw.value("SELECT sum(a), count() FROM t") == "14\t6"


async def test_a_compressed_body_that_is_cut_off_stores_nothing(raw: Raw) -> None:
    await raw.post("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    body = gzip.compress(b"INSERT INTO t FORMAT CSV\n1\n2\n")[:-4]
    answer = await raw.post(body, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "33")
    assert await raw.value("SELECT count() FROM t") == "0"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "lz4"])
@pytest.mark.parametrize("rows", [1, 1000, 3_000_000])
async def test_answers_are_compressed_where_setting_and_header_agree(raw: Raw, encoding: str, rows: int) -> None:
    sql = f"SELECT number FROM numbers({rows})"
    accept = {"Accept-Encoding": encoding}
    plain = await raw.post(sql, headers=accept)
    assert "Content-Encoding" not in plain.headers
    async with raw.http.stream(
        "POST", "/", content=sql, headers=accept, params={"enable_http_compression": 1}
    ) as answer:
        assert answer.headers["Content-Encoding"] == encoding
        packed = b"".join([chunk async for chunk in answer.aiter_raw()])
    decoder = Decoder(encoding)
    assert b"".join(decoder.feed(packed)) == plain.content
    decoder.finish()


async def test_an_answer_without_a_body_is_not_compressed(raw: Raw) -> None:
    accept = {"Accept-Encoding": "zstd"}
    answer = await raw.post("SELECT 1 WHERE 0", headers=accept, enable_http_compression=1)
    assert (answer.content, answer.headers.get("Content-Encoding")) == (b"", None)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("JSON", "application/json; charset=UTF-8"),
        ("JSONCompact", "application/json; charset=UTF-8"),
        ("JSONEachRow", "application/x-ndjson; charset=UTF-8"),
        ("CSVWithNames", "text/csv; charset=UTF-8; header=present"),
        ("TabSeparated", "text/tab-separated-values; charset=UTF-8"),
        ("Parquet", "application/octet-stream"),
        ("Pretty", "text/plain; charset=UTF-8"),
    ],
)
async def test_the_format_is_that_of_the_query_then_that_of_the_url_then_that_of_the_header(
    raw: Raw, name: str, content_type: str
) -> None:
    header = {"X-ClickHouse-Format": name}
    for answer in (
        await raw.post(f"SELECT 1 AS a FORMAT {name}", headers={"X-ClickHouse-Format": "XML"}, default_format="Null"),
        await raw.post("SELECT 1 AS a", headers={"X-ClickHouse-Format": "XML"}, default_format=name),
        await raw.post("SELECT 1 AS a", headers=header),
    ):
        assert answer.headers["X-ClickHouse-Format"] == name
        assert answer.headers["Content-Type"] == content_type
        assert answer.content


async def test_the_headers_of_an_answer(raw: Raw) -> None:
    answer = await raw.get("SELECT number FROM numbers(10)", query_id="mine")
    assert answer.headers["X-ClickHouse-Query-Id"] == "mine"
    assert answer.headers["X-ClickHouse-Timezone"]
    assert answer.headers["X-ClickHouse-Server-Display-Name"]
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["read_rows"] == "10"


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT * FROM nowhere", 404, 60),
        ("SELECT 1 FROM", 400, 62),
        ("SELEC", 400, 62),
        ("", 400, 62),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT toUInt8('x')", 400, 6),
        ("SELECT throwIf(1)", 500, 395),
        ("INSERT INTO nowhere FORMAT CSV\n1\n", 404, 60),
        ("SELECT 1 FORMAT Nothing", 404, 73),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 500, 358),
        ("INSERT INTO t SELECT * FROM input('a UInt8') FORMAT CSV\n1\n", 501, 48),
    ],
)
async def test_exceptions_have_code_name_and_status(raw: Raw, sql: str, status: int, code: int) -> None:
    answer = await raw.post(sql)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert answer.text.rstrip().endswith(")")
    assert "(version " in answer.text


async def test_wrong_data_store_nothing(raw: Raw) -> None:
    await raw.post("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    answer = await raw.post("INSERT INTO t FORMAT CSV\n1\n2\nthree\n")
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "117")
    assert await raw.value("SELECT count() FROM t") == "0"


async def test_get_reads_only(raw: Raw) -> None:
    for sql in ("CREATE TABLE t (a UInt8) ENGINE = Memory", "INSERT INTO t VALUES (1)", "DROP TABLE t"):
        answer = await raw.get(sql)
        assert answer.headers["X-ClickHouse-Exception-Code"] == "164"
        assert "method GET implies readonly" in answer.text
    assert (await raw.get("SELEC")).headers["X-ClickHouse-Exception-Code"] == "62"
    assert (await raw.post("SELECT 1", readonly=1)).text == "1\n"
    assert (await raw.post("CREATE TABLE t (a UInt8) ENGINE = Memory", readonly=1)).status_code == 500
    assert await raw.value("EXISTS TABLE t") == "0"


async def test_a_late_error_has_a_status_where_the_client_waits_for_the_end(raw: Raw) -> None:
    sql = "SELECT throwIf(number = 3000000), number FROM numbers(6000000)"
    answer = await raw.post(sql, wait_end_of_query=1)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "395")


async def test_a_long_answer_comes_whole_to_a_client_that_waits_for_the_end(raw: Raw) -> None:
    answer = await raw.post("SELECT number FROM numbers(3000000)", wait_end_of_query=1)
    assert int(answer.headers["Content-Length"]) == len(answer.content) > 20_000_000
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["read_rows"] == "3000000"


async def test_a_late_error_cuts_the_answer_after_the_exception_between_its_markers(raw: Raw) -> None:
    body = b""
    sql = "SELECT throwIf(number = 3000000), number FROM numbers(6000000)"
    async with raw.http.stream("POST", "/", content=sql) as answer:
        tag = answer.headers["X-ClickHouse-Exception-Tag"].encode()
        chunks = answer.aiter_raw()
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):  # noqa: PT012
            while True:
                body += await anext(chunks)
    end = body[-4096:]
    assert b"__exception__\r\n" + tag + b"\r\nCode: 395. DB::Exception" in end
    assert end.endswith(tag + b"\r\n__exception__\r\n")


async def test_head_answers_as_get_would(raw: Raw) -> None:
    answer = await raw.http.head("/", params={"query": "SELECT 1"})
    assert (answer.status_code, answer.content, answer.headers["X-ClickHouse-Format"]) == (200, b"", "TabSeparated")


@pytest.mark.parametrize("name", ["compress", "decompress"])
async def test_the_native_compression_of_blocks_is_refused(raw: Raw, name: str) -> None:
    assert (await raw.http.post("/", content="SELECT 1", params={name: 1})).headers[
        "X-ClickHouse-Exception-Code"
    ] == "48"


async def test_parameters_in_inserted_values_are_filled_in(raw: Raw) -> None:
    await raw.post("CREATE TABLE t (a UInt32, s String) ENGINE = MergeTree ORDER BY a")
    await raw.post("INSERT INTO t VALUES ({a:UInt32}, {s:String})", param_a=7, param_s="it's")
    assert await raw.value("SELECT a, s FROM t") == "7\tit\\'s"


async def test_a_page_of_another_origin_may_ask_and_read(raw: Raw) -> None:
    origin = {"Origin": "http://tabix.example"}
    asked = await raw.http.options("/", headers={**origin, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 200
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert "authorization" in asked.headers["Access-Control-Allow-Headers"]
    for answer in (await raw.post("SELECT 1", headers=origin), await raw.post("SELECT nothing", headers=origin)):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Access-Control-Allow-Origin" not in (await raw.post("SELECT 1")).headers


async def test_the_password_may_come_in_three_ways_and_must_be_right(clickhouse_server: RunningClickHouse) -> None:
    server = clickhouse_server.server
    user, right = "crypto", server.password
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as http:

        async def ask(password: str, user: str = user) -> list[httpx.Response]:
            query = {"query": "SELECT 1"}
            headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}
            return [
                await http.get("/", params=query, auth=(user, password)),
                await http.get("/", params=query, headers=headers),
                await http.get("/", params={**query, "user": user, "password": password}),
            ]

        assert [answer.text for answer in await ask(right)] == ["1\n"] * 3
        for answer in await ask(right + "x") + await ask("") + await ask(right, user="default"):
            assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
            assert right not in answer.text
        none = await http.get("/", params={"query": "SELECT 1"})
        assert (none.status_code, none.headers["X-ClickHouse-Exception-Code"]) == (401, "194")
        broken = await http.get("/", params={"query": "SELECT 1"}, headers={"Authorization": "Basic %%%"})
        assert broken.status_code == 403


def test_the_password_stands_in_no_command_line(clickhouse_server: RunningClickHouse) -> None:
    with open(f"/proc/{clickhouse_server.process.pid}/cmdline", "rb") as file:  # noqa: PTH123
        assert clickhouse_server.server.password.encode() not in file.read()


async def test_only_this_machine_is_listened_to(clickhouse_server: RunningClickHouse) -> None:
    with socket.socket() as elsewhere:
        elsewhere.settimeout(5)
        assert elsewhere.connect_ex(("127.0.0.2", clickhouse_server.server.port)) != 0


async def test_settings_of_the_answer_do_not_reach_the_check_of_the_statement(raw: Raw) -> None:
    settings = {"output_format_json_array_of_rows": 1, "output_format_json_quote_decimals": 0}
    answer = await raw.post("SELECT toUInt8(number) AS n FROM numbers(2) FORMAT JSONEachRow", None, **settings)
    assert (answer.status_code, answer.json()) == (200, [{"n": 0}, {"n": 1}])
    session = {"session_id": "arrays", **settings}
    assert (await raw.post("SELECT 1 AS n FORMAT JSONEachRow", None, **session)).json() == [{"n": 1}]
    assert (await raw.post("SELECT file('/etc/passwd') FORMAT JSONEachRow", None, **session)).status_code >= 400


@pytest.mark.parametrize("where", ["url", "clause"])
async def test_rows_in_one_array_are_one_array_however_many(raw: Raw, where: str) -> None:
    """The engine writes each of its pieces as if it were all."""
    setting = "output_format_json_array_of_rows"
    clause, in_url = ("", {setting: 1}) if where == "url" else (f" SETTINGS {setting} = 1", {})
    await raw.post("CREATE TABLE t (n UInt32) ENGINE = ReplacingMergeTree ORDER BY n")
    for first in (0, 70_000):  # rows of two parts come in pieces, too
        await raw.post(f"INSERT INTO t SELECT number + {first} FROM numbers(70000)")
    for source, rows in (("t FINAL ORDER BY n", 140_000), ("t", 140_000), ("t WHERE n IN (1, 70001)", 2)):
        answer = await raw.post(f"SELECT n FROM {source}{clause} FORMAT JSONEachRow", None, **in_url)
        assert len(answer.json()) == rows, source
