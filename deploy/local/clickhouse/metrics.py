"""Every metric of the local ClickHouse."""

from typing import Final

from prometheus_client import Counter, Gauge

REQUESTS: Final = Counter(
    "clickhouse_local_requests",
    "Requests by outcome: ok, gone (the client left), or the exception's name.",
    ["outcome"],
)
RUNNING: Final = Gauge("clickhouse_local_running", "Requests that use the engine now.")
WAITING: Final = Gauge("clickhouse_local_waiting", "Requests that wait for that.")
ROWS_WRITTEN: Final = Counter("clickhouse_local_rows_written", "Rows that inserts have stored.")
