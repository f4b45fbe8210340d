"""`python -m deploy.local`: everything on this machine, until Ctrl-C. What `make run` starts."""

import asyncio
import signal
import sys

from deploy.local.launch import STOP_SIGNALS, launch
from deploy.local.settings import LauncherSettings
from services.common.connections import raise_descriptor_limit
from services.common.settings import load_settings


async def main() -> int:
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr] # a terminal may not know all our characters
    raise_descriptor_limit()  # every process that is started inherits it
    code = await launch(load_settings(LauncherSettings))
    # A further Ctrl-C has nothing left to end: it must not spoil the exit code.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    return code


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
