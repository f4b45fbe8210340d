"""Every metric of the local ClickHouse."""

from prometheus_client import Counter, Gauge

REQUESTS = Counter(
    "clickhouse_local_requests",
    "Requests by outcome: ok, gone (the client left), or the exception's name.",
    ["outcome"],
)
RUNNING = Gauge("clickhouse_local_running", "Requests that use the engine now.")
WAITING = Gauge("clickhouse_local_waiting", "Requests that wait for that.")
ROWS_WRITTEN = Counter("clickhouse_local_rows_written", "Rows that inserts have stored.")
