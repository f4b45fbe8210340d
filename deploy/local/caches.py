"""Where tools keep their downloads: below HOME, or in `.venv` for an account that has none or may not write there."""

import os
import sys
from pathlib import Path

OURS = Path(sys.prefix) / ".cache"


def environment() -> dict[str, str]:
    """The variables that lead tools to `OURS`, for those whose usual place cannot be written."""
    home = os.environ.get("HOME") or "/nonexistent"
    usual = {
        "npm_config_cache": os.environ.get("npm_config_cache") or f"{home}/.npm",  # noqa: SIM112 - npm's name
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache",
    }
    ours = {"npm_config_cache": OURS / "npm", "XDG_CACHE_HOME": OURS}
    return {name: str(ours[name]) for name, place in usual.items() if not is_writable(Path(place))}


def is_writable(place: Path) -> bool:
    """Whether this account may write into `place`, or make it below a directory that is there."""
    if not place.is_absolute() or not place.parent.is_dir():
        return False
    existing = place if place.exists() else place.parent
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
