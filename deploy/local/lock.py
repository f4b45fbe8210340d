"""One launcher at a time in one checkout."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import LaunchError


@contextmanager
def only_launcher(state_dir: Path) -> Iterator[None]:
    """Hold the lock of `state_dir`; the kernel frees it however we end. Raises `LaunchError` if it is held."""
    with (state_dir / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LaunchError(
                f"`make run` is already running here (process {file.read().strip() or 'unknown'}). End it with Ctrl-C "
                "where it runs, or use it: it keeps everything up."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
