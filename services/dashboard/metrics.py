"""Metrics of the dashboard service, with unit and meaning."""

from prometheus_client import Counter, Gauge, Histogram

HTTP_SECONDS = Histogram(
    "dashboard_http_request_seconds",
    "Time to answer a request, by route template and status.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ERRORS = Counter("dashboard_error_answers", "Error answers, by their slug.", ["code"])
NOT_MODIFIED = Counter("dashboard_not_modified", "Answers that the client had already (304).")

REDIS_READS = Counter("dashboard_redis_reads", "Reads of the whole market from Redis, by outcome.", ["outcome"])
UNREADABLE_PRICES = Gauge(
    "dashboard_unreadable_prices", "Prices in Redis that are left out: malformed, or of another source."
)

QUERY_SECONDS = Histogram(
    "dashboard_query_seconds",
    "An answer's queries in ClickHouse, from the start of the wait for a slot: answered, failed, refused, cancelled.",
    ["purpose", "outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
QUERIES = Gauge("dashboard_queries", "Answers whose queries run or wait for a slot.", ["purpose"])
HISTORY_CACHE = Counter(
    "dashboard_history_cache",
    "History answers: computed, joined (an identical request was being computed), kept (from memory).",
    ["how"],
)
HISTORY_CACHE_BYTES = Gauge("dashboard_history_cache_bytes", "Size of the history answers kept in memory.")

OVERVIEWS = Counter("dashboard_overviews", "Times the operator's overview was put together.")
PART_UP = Gauge("dashboard_part_up", "1 when this part answered the last time it was asked.", ["part"])
