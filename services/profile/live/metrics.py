"""Metrics of the live engine, with unit and meaning."""

from prometheus_client import Counter, Gauge, Histogram

CLIENTS = Gauge("profile_live_clients", "Open portfolio websockets.")
SYMBOLS = Gauge("profile_live_symbols", "Symbols that open websockets show, each one subscribed.")
DOCUMENTS = Counter("profile_live_documents", "Documents handed to a websocket's transport.")
CONFLATED = Counter(
    "profile_live_conflated", "Documents not sent because the client's buffer was full: a newer one replaces them."
)
STALLED = Gauge(
    "profile_live_stalled_clients", "Clients whose buffer is full now; each gets the newest document when it drains."
)
CUT = Counter("profile_live_cut", "Clients cut because they took nothing for the time allowed.")
CLOSED = Counter("profile_live_closed", "Websockets that the server closed, by close code.", ["code"])
PASS_SECONDS = Histogram(
    "profile_live_pass_seconds",
    "Time of one pass of the fan-out: from the first document to the last.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1),
)
LAG_SECONDS = Histogram(
    "profile_live_lag_seconds",
    "From the oldest price event in a pass of the fan-out to its last document.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 60),
)
FEED_ALIVE = Gauge(
    "profile_live_feed_alive", "1 while our own probe comes back through the Redis subscription, else 0."
)
FEED_RECONNECTS = Counter("profile_live_feed_reconnects", "Redis subscriptions lost and made again.")
LISTINGS = Counter("profile_live_listings", "Listings read because they, or the symbols with a price, had changed.")
MESSAGES = Counter("profile_live_messages", "Price messages read from the feed.")
MALFORMED = Counter("profile_live_malformed", "Messages skipped because they make no sense, by channel kind.", ["kind"])
REFRESH_FAILURES = Counter(
    "profile_live_refresh_failures", "Reads that failed and are tried again, by what was read.", ["what"]
)
SOURCE = Gauge(
    "profile_live_source", "1 for where the prices come from now, 0 for where they came from before.", ["source"]
)
