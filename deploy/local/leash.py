"""Run a command that cannot outlive the launcher, as another account when asked.

    python leash.py SIGNAL PARENT_PID UID GID COMMAND...        (UID and GID -1: as ourselves)

The kernel sends SIGNAL to the command when its parent ends in any way (prctl(2), PR_SET_PDEATHSIG; Linux only).
A change of account would undo that, hence the order here. A program of its own because Python may not safely run code
between fork and exec once there are threads. Needs nothing but the standard library.
"""

import ctypes
import os
import sys
from collections.abc import Iterable

PR_SET_PDEATHSIG = 1


def leashed(command: Iterable[str], signal_number: int, uid: int = -1, gid: int = -1) -> list[str]:
    """The command line that runs `command` so, as a child of this process."""
    leash = (__file__, str(int(signal_number)), str(os.getpid()), str(uid), str(gid))
    return [sys.executable, "-I", "-S", *leash, *command]


def main() -> None:
    signal_number, parent_pid, uid, gid = (int(argument) for argument in sys.argv[1:5])
    command = sys.argv[5:]
    if uid != -1:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent_pid:
        sys.exit("the launcher is gone")
    os.execvp(command[0], command)  # noqa: S606 - no shell on purpose


if __name__ == "__main__":
    main()
