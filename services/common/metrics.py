"""Every metric of the kit, with unit and meaning. They are the same in all services."""

from prometheus_client import Counter, Gauge

HTTP_REFUSED = Counter(
    "http_refused",
    "Connections and requests ended before an application saw them, by server of the process and reason.",
    ["server", "reason"],
)
HTTP_CONNECTIONS = Gauge("http_connections", "Open connections, by server of the process.", ["server"])
