"""Settings of the local ClickHouse."""

from pathlib import Path

from pydantic import Field, SecretStr

from deploy.local.clickhouse.access import Role
from deploy.local.clickhouse.server import DATABASE, READER, USER
from services.common.settings import ServiceSettings


class ClickHouseSettings(ServiceSettings):
    """See `ServiceSettings` for the variables' names. Only loopback is listened on unless HTTP_HOST is set."""

    data_dir: Path
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8123, ge=0, le=65535)
    clickhouse_user: str = USER
    clickhouse_password: SecretStr = Field(min_length=1)
    clickhouse_db: str = DATABASE
    """Made at the start, the only one that statements reach. These three are called as in ClickHouse's own image."""
    clickhouse_reader: str = READER
    clickhouse_reader_password: SecretStr = Field(min_length=1)
    """Of the user that may only read."""
    clickhouse_more_databases: str = ""
    """For tests: beginnings of names with a `*` behind them, separated by commas; the writer makes and drops these."""

    max_running: int = Field(default=8, gt=0)
    """Requests that use the engine at the same time, each with a thread."""
    max_waiting: int = Field(default=64, ge=0)
    """Requests that wait for that; the next one gets TOO_MANY_SIMULTANEOUS_QUERIES."""
    max_sessions: int = Field(default=256, gt=0)
    max_query_bytes: int = Field(default=1 << 20, gt=0)
    """Of a statement, not of the data behind it."""
    max_data_bytes: int = Field(default=8 << 30, gt=0)
    """Of one insert, unpacked."""
    max_result_bytes: int = Field(default=64 << 20, gt=0)
    """Of a result that the engine makes whole before it leaves (JSON, Parquet …); a request may set its own."""
    max_kept_bytes: int = Field(default=4 << 30, gt=0)
    """Of a result that is kept on disk because the client waits for its end; a request may set its own."""
    max_execution_time_s: int = Field(default=300, gt=0)
    """A request may set its own."""
    body_timeout_s: float = Field(default=60.0, gt=0)
    """How long a client may send nothing in the middle of its body."""
    memory_bytes: int = Field(default=2 << 30, gt=0)
    """For the whole process; queries beyond it fail with MEMORY_LIMIT_EXCEEDED."""
    drain_timeout_s: int = Field(default=10, ge=0)
    """From SIGTERM until running queries are ended."""

    @property
    def users(self) -> dict[str, tuple[str, Role]]:
        """Name → (password, role)."""
        return {
            self.clickhouse_user: (self.clickhouse_password.get_secret_value(), Role.WRITER),
            self.clickhouse_reader: (self.clickhouse_reader_password.get_secret_value(), Role.READER),
        }

    @property
    def databases(self) -> list[str]:
        """Those that statements reach."""
        return [self.clickhouse_db, *filter(None, self.clickhouse_more_databases.split(","))]
