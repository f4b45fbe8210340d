"""Where statements end and their data begin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.clickhouse.statement import find_statement, read_statement

DATA = b"\x00\x01 FORMAT CSV '`\""


@pytest.mark.parametrize(
    ("sql", "body", "name"),
    [
        (b"INSERT INTO t FORMAT Native\n", b"INSERT INTO t ", "Native"),
        (b"insert into t (a, b) format CSV\r\n", b"insert into t (a, b) ", "CSV"),
        (b"INSERT INTO t SETTINGS max_threads = 1 FORMAT TSV \t\n", b"INSERT INTO t SETTINGS max_threads = 1 ", "TSV"),
        (b"INSERT INTO t -- FORMAT CSV\nFORMAT Native\n", b"INSERT INTO t -- FORMAT CSV\n", "Native"),
        (b"/* FORMAT CSV ' */INSERT INTO t FORMAT Native;\n", b"/* FORMAT CSV ' */INSERT INTO t ", "Native"),
        (b"INSERT INTO `a FORMAT CSV` (`b'`) FORMAT Native\n", b"INSERT INTO `a FORMAT CSV` (`b'`) ", "Native"),
        (b"INSERT INTO format FORMAT Native\n", b"INSERT INTO format ", "Native"),
        (b"INSERT INTO db.values (values) VALUES", b"INSERT INTO db.values (values) ", "Values"),
        (b"INSERT INTO FUNCTION null('x FORMAT x') FORMAT CSV ", b"INSERT INTO FUNCTION null('x FORMAT x') ", "CSV"),
    ],
)
def test_the_data_of_an_insert_begin_after_its_format(sql: bytes, body: bytes, name: str) -> None:
    statement = read_statement(sql + DATA)
    assert (statement.body, statement.format, statement.data_at) == (body, name, len(sql))


def test_the_data_come_from_a_file_before_the_settings() -> None:
    statement = read_statement(b"INSERT INTO t (settings) SETTINGS max_threads = 1 FORMAT CSV\n" + DATA)
    assert (
        statement.insert_from("/dev/fd/7").split()
        == (
            b"INSERT INTO t (settings) FROM INFILE '/dev/fd/7' COMPRESSION 'none' SETTINGS max_threads = 1 FORMAT CSV"
        ).split()
    )


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        (b"SELECT 1 FORMAT JSONCompact", "JSONCompact"),
        (b"SELECT 1\n FORMAT Native", "Native"),
        (b"SELECT 1 FORMAT CSV SETTINGS max_threads = 1;", "CSV"),
        (b"SELECT 1 FORMAT CSV -- FORMAT TSV", "CSV"),
        (b"SELECT 'x FORMAT CSV'", None),
        (b"SELECT format('{}', 1) AS format", None),
        (b"SELECT * FROM (SELECT 1 FORMAT CSV)", None),
        (b"WITH $$ FORMAT CSV $$ AS a SELECT a", None),
        (b"INSERT INTO t SELECT 1", None),
        (b"ALTER TABLE t DELETE WHERE a = 'unfinished", None),
    ],
)
def test_the_format_of_another_statement(sql: bytes, name: str | None) -> None:
    statement = read_statement(sql)
    assert (statement.format, statement.data_at) == (name, None)


@given(cut=st.integers(0, 80))
def test_a_statement_in_parts_is_found_where_it_is_when_whole_or_not_yet(cut: int) -> None:
    sql = b"INSERT INTO `t FORMAT CSV` (a) /* FORMAT TSV */ FORMAT Native \n" + DATA
    found = find_statement(sql[:cut])
    assert found is None or found.data_at == read_statement(sql).data_at
    assert find_statement(sql) is not None


@pytest.mark.parametrize("sql", [b"SELECT 1 INTO OUTFILE 'x'", b"INSERT INTO t FROM INFILE 'x' FORMAT CSV"])
def test_files_are_noticed(sql: bytes) -> None:
    assert read_statement(sql).names_file
