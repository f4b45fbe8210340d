"""PostgreSQL's `postmaster.pid`: whose it is, and the way past one that is left.

PostgreSQL refuses to start if the process id in it lives and belongs to its account, even if it is
another process by now: after a loss of power or `kill -9`, often another cluster's server.
"""

import signal
from pathlib import Path

import psutil

from deploy.local.errors import LaunchError

END_LIMIT_S = 30.0


def running_server(data_dir: Path) -> psutil.Process | None:
    """The process that `postmaster.pid` names, if it is this cluster's server."""
    try:
        process = psutil.Process(int((data_dir / "postmaster.pid").read_text(errors="replace").split()[0]))
        return process if "postgres" in process.name() and _serves(process, data_dir) else None
    except (OSError, ValueError, IndexError, OverflowError, psutil.Error):
        return None


def _serves(process: psutil.Process, data_dir: Path) -> bool:
    """Whether the server works in the directory of this cluster, or names it where its directory is hidden."""
    try:
        return Path(process.cwd()).samefile(data_dir)
    except psutil.AccessDenied:  # root without CAP_SYS_PTRACE, as in a container, or a server of another account
        return str(data_dir) in process.cmdline()


def end_server(data_dir: Path) -> None:
    """End what a killed launcher left, in order: only for the launcher that has the state directory's lock.

    Raises LaunchError.
    """
    server = running_server(data_dir)
    if server is None:
        return
    try:
        server.send_signal(signal.SIGINT)
        server.wait(END_LIMIT_S)
    except psutil.NoSuchProcess:
        return
    except psutil.Error as error:
        raise LaunchError(
            f"a PostgreSQL server (process {server.pid}) still runs on {data_dir} and does not end: "
            f"end it with `kill {server.pid}`, then start again"
        ) from error
