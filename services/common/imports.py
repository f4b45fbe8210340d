"""Commands that bring the rows of another PostgreSQL database over: all of them, or none.

A run reads one snapshot of the source and writes in one transaction, so that a run which ends early leaves nothing
behind; to run it again changes nothing that is there. Every row that cannot be brought over is named.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

BATCH_ROWS = 1_000
PROBLEMS_SHOWN = 50
CONNECT_TIMEOUT_S = 5.0


class ImportFailedError(Exception):
    """An import that changed nothing. Its text is the reason, for the operator."""


@dataclass(slots=True)
class Report:
    """What an import has found so far. `problems` name rows that cannot be brought over."""

    added: int = 0
    kept: int = 0
    problems: list[str] = field(default_factory=list)

    def show(self, table: str) -> None:
        """One line of progress."""
        sys.stderr.write(f"{table}: {self.added} to add, {self.kept} there already, {len(self.problems)} wrong\n")

    def refuse_problems(self) -> None:
        """Raises ImportFailedError if any row is wrong."""
        if self.problems:
            shown = "\n".join(f"  {problem}" for problem in self.problems[:PROBLEMS_SHOWN])
            more = len(self.problems) - PROBLEMS_SHOWN
            rest = f"\n  and {more} more" if more > 0 else ""
            raise ImportFailedError(f"these rows cannot be imported; correct them in the source:\n{shown}{rest}")


Importer = Callable[[asyncpg.Connection, asyncpg.Connection], Awaitable[Report]]
"""Brings rows from the first database to the second, within a transaction of each."""


def run_import(arguments: list[str], target_url: str, importer: Importer, program: str) -> int:
    """Run the command; its exit code. 1 with a sentence on stderr when nothing was changed."""
    parser = argparse.ArgumentParser(prog=program, description="Bring the rows of the Go original's database over.")
    parser.add_argument(
        "--from", dest="source", required=True, metavar="URL", help="postgresql://user:password@host/db"
    )
    parser.add_argument("--dry-run", action="store_true", help="check everything, change nothing")
    options = parser.parse_args(arguments)
    try:
        report = asyncio.run(_import(options.source, target_url, importer, dry_run=options.dry_run))
    except ImportFailedError as error:
        sys.stderr.write(f"nothing was imported: {error}\n")
        return 1
    done = "would be added (dry run)" if options.dry_run else "added"
    sys.stdout.write(f"{report.added} {done}, {report.kept} were there already\n")
    return 0


async def batches(source: asyncpg.Connection, query: str) -> AsyncIterator[list[asyncpg.Record]]:
    """The rows of `query`, `BATCH_ROWS` at a time."""
    cursor = await source.cursor(query)
    while rows := await cursor.fetch(BATCH_ROWS):
        yield rows


async def _import(source_url: str, target_url: str, importer: Importer, *, dry_run: bool) -> Report:
    async with _connected(source_url, "the source") as source, _connected(target_url, "the target") as target:
        snapshot = source.transaction(isolation="repeatable_read", readonly=True)
        change = target.transaction()
        await snapshot.start()
        await change.start()
        try:
            report = await importer(source, target)
            report.refuse_problems()
        except BaseException:
            await change.rollback()
            raise
        await (change.rollback() if dry_run else change.commit())
        return report


@asynccontextmanager
async def _connected(url: str, which: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection; what goes wrong with it is an ImportFailedError that does not show the URL."""
    try:
        connection = await _connect(url, which)
        try:
            yield connection
        finally:
            connection.terminate()
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        raise ImportFailedError(f"a table is not as expected ({error}); see docs/adr/0033-import-go.md") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise ImportFailedError(f"{which} failed ({type(error).__name__}: {error})") from error


async def _connect(url: str, which: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    except asyncpg.InterfaceError:  # of which some are ValueErrors, too
        raise
    except ValueError as error:  # its text may be a part of the password
        sentence = f"the URL of {which} cannot be read: percent-encode all but letters and digits of its password"
        raise ImportFailedError(sentence) from error
