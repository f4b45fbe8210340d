"""ClickHouse without a server binary: its engine, embedded in one process, behind its HTTP interface."""

from deploy.local.clickhouse.server import ClickHouseServer, available, check, prepare, wait_until_ready

__all__ = ["ClickHouseServer", "available", "check", "prepare", "wait_until_ready"]
