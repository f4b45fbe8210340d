"""Every metric of the simulator, with unit and meaning."""

from prometheus_client import Counter, Gauge

CONNECTIONS = Gauge("simulator_connections", "Open websocket connections.")
CONNECTIONS_CUT = Counter("simulator_connections_cut", "Connections ended by the exchange, by reason.", ["reason"])
CONNECTIONS_REFUSED = Counter("simulator_connections_refused", "Connection attempts refused, by reason.", ["reason"])
MARKET_SECONDS_SKIPPED = Counter(
    "simulator_market_seconds_skipped", "Seconds of market time skipped because the process was too slow."
)
FRAMES_SENT = Counter("simulator_frames_sent", "Data frames written to connections.")
RECORDING_LINES = Counter("simulator_recording_lines", "Lines of the recording, by outcome.", ["outcome"])
REST_REQUESTS = Counter("simulator_rest_requests", "REST requests, by HTTP status.", ["status"])
