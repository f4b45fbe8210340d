"""`python -m deploy.local.clickhouse`: the local ClickHouse, in the foreground."""

from deploy.local.clickhouse.app import app
from deploy.local.clickhouse.settings import ClickHouseSettings
from services.common.lifecycle import run
from services.common.settings import load_settings

if __name__ == "__main__":
    run("clickhouse", load_settings(ClickHouseSettings), app)
