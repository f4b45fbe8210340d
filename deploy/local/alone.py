"""Run a command by one process at a time; the others wait for it, and report that they do.

    python alone.py LOCK_FILE COMMAND...

The command and its children hold the lock until the last of them has ended, however that happens. Needs nothing but the
standard library.
"""

import fcntl
import os
import sys


def main() -> None:
    path, command = sys.argv[1], sys.argv[2:]
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
        print(f"setup: waiting for the one that is already at work here (process {holder})", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    os.set_inheritable(lock, True)  # noqa: FBT003 - its only argument
    os.execvp(command[0], command)  # noqa: S606 - no shell on purpose


if __name__ == "__main__":
    main()
