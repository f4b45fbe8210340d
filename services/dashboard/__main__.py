"""`python -m services.dashboard`."""

from services.common.lifecycle import run
from services.common.settings import load_settings
from services.dashboard.app import app
from services.dashboard.settings import DashboardSettings

if __name__ == "__main__":
    run("dashboard", load_settings(DashboardSettings), app)
