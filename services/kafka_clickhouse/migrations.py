"""The schema's history: numbered SQL files, and which of them a database still needs.

A file is applied once, and again if its runner dies between its statements, or two run at once: ClickHouse has no
transactions over them. So each statement must be one that may be repeated (IF NOT EXISTS, OR REPLACE), and a file that
was released never changes. A statement ends with a semicolon at the end of a line.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.kafka_clickhouse.errors import ChangedHistoryError

DIRECTORY = Path(__file__).parent / "migrations"
_NAME = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. `checksum` is the SHA-256 of its bytes."""

    version: int
    name: str
    checksum: str
    statements: tuple[str, ...]


def read_migrations(directory: Path = DIRECTORY) -> list[Migration]:
    """All files of `directory`, in order. Raises ValueError for a file that does not fit in."""
    migrations = [_read(path) for path in sorted(directory.glob("*.sql"))]
    for expected, migration in enumerate(migrations, start=1):
        if migration.version != expected:
            raise ValueError(f"migration {migration.version:04} stands where {expected:04} should")
    return migrations


def pending(known: Sequence[Migration], applied: Mapping[int, tuple[str, str]]) -> list[Migration]:
    """What is still to be applied, in order. `applied` maps versions to (name, checksum).

    Raises `ChangedHistoryError` when that is no beginning of what is known.
    """
    by_version = {migration.version: migration for migration in known}
    for version, (name, checksum) in sorted(applied.items()):
        migration = by_version.get(version)
        if migration is None:
            raise ChangedHistoryError(
                f"the database has migration {version:04}_{name}, which this version lacks: use a newer version"
            )
        if migration.checksum != checksum:
            raise ChangedHistoryError(
                f"migration {version:04}_{migration.name} was changed after it had been applied: restore the file, "
                "and put the change into a new one"
            )
    return [migration for migration in known if migration.version not in applied]


def _read(path: Path) -> Migration:
    named = _NAME.fullmatch(path.name)
    if named is None:
        raise ValueError(f"{path.name} is not named like 0001_what_it_does.sql")
    content = path.read_bytes()
    statements = (part.strip() for part in re.split(r";[ \t]*(?:\n|$)", content.decode()))
    return Migration(int(named[1]), named[2], hashlib.sha256(content).hexdigest(), tuple(filter(None, statements)))
