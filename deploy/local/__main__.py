"""`python -m deploy.local`: everything on this machine, until Ctrl-C. What `make run` starts."""

import asyncio
import sys

from deploy.local.launch import launch
from deploy.local.settings import LauncherSettings
from services.common.settings import load_settings

if __name__ == "__main__":
    sys.exit(asyncio.run(launch(load_settings(LauncherSettings))))
