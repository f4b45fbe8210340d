"""The lines at the terminal and in the files."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console as RichConsole

from deploy.local import console as module
from deploy.local.console import Console


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(tmp_path: Path, stream: io.StringIO) -> Iterator[Console]:
    made = Console(tmp_path, stream)
    yield made
    made.close()


def test_lines_are_prefixed_and_aligned(console: Console, stream: io.StringIO) -> None:
    console.introduce("authorization", "redis")
    console.line("redis", "ready")
    console.line("authorization", "ready")

    assert stream.getvalue() == "redis            │ ready\nauthorization    │ ready\n"


def test_only_the_prefix_is_coloured_and_only_on_a_terminal(console: Console, stream: io.StringIO) -> None:
    console.rich = RichConsole(file=stream, force_terminal=True, color_system="standard")
    console.introduce("redis")
    console.line("redis", "ready")

    assert stream.getvalue() == "\x1b[36mredis            │ \x1b[0mready\n"


def test_long_names_widen_the_prefix(console: Console, stream: io.StringIO) -> None:
    console.introduce("kafka_clickhouse-db")
    console.line("redis", "ready")

    assert stream.getvalue() == "redis               │ ready\n"


def test_every_line_of_the_launchers_own_words_has_the_prefix(console: Console, stream: io.StringIO) -> None:
    console.report("one\ntwo")

    assert stream.getvalue() == "launcher         │ one\nlauncher         │ two\n"


def test_what_a_component_prints_is_never_taken_for_markup(console: Console, stream: io.StringIO) -> None:
    console.line("redis", "[bold]not bold[/] :smile: " + "x" * 300)

    assert stream.getvalue() == "redis            │ [bold]not bold[/] :smile: " + "x" * 300 + "\n"


def test_lines_are_kept_in_one_file_per_component(console: Console, tmp_path: Path) -> None:
    console.line("redis", "one")
    console.line("redis", "two")
    console.line("postgres", "three")

    assert (tmp_path / "redis.log").read_text() == "one\ntwo\n"
    assert (tmp_path / "postgres.log").read_text() == "three\n"


def test_log_files_are_bounded(console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_MAX_BYTES", 1000)
    for number in range(1000):
        console.line("redis", f"{number:09}")

    kept = sorted(tmp_path.iterdir())
    assert [path.name for path in kept] == ["redis.log", "redis.log.1"]
    assert sum(path.stat().st_size for path in kept) <= 2000
    assert (tmp_path / "redis.log").read_text().splitlines()[-1] == "000000999"


def test_a_terminal_that_went_away_ends_only_the_printing(tmp_path: Path) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    console = Console(tmp_path, Gone())
    console.line("redis", "one")
    console.line("redis", "two")
    console.close()

    assert (tmp_path / "redis.log").read_text() == "one\ntwo\n"


def test_a_full_disk_loses_lines_of_a_file_and_nothing_else(
    console: Console, stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    (console.logs / "redis.log").symlink_to("/dev/full")
    (console.logs / "socket.log").mkdir()
    console.line("redis", "ready")
    console.line("socket", "ready")
    console.close()

    assert stream.getvalue() == "redis            │ ready\nsocket           │ ready\n"
    assert capsys.readouterr() == ("", "")
