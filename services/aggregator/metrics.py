"""Every metric of the aggregator."""

from prometheus_client import Counter, Gauge, Histogram

FRAMES = Counter("aggregator_frames", "Raw frames received from socket.", ["stream"])
TRADE_FRAMES = FRAMES.labels("agg_trades")
TICKER_FRAMES = FRAMES.labels("mini_tickers")
TRADES = Counter("aggregator_trades", "Aggregate trades accepted.")
MINI_TICKERS = Counter("aggregator_mini_tickers", "Mini-tickers accepted.")
REFUSED = Counter(
    "aggregator_refused",
    "Entries refused: malformed, price (not above zero), time (an event time that is none in ms), future (one that "
    "cannot be yet), past (days behind the others), source (of a replaced peer), capacity.",
    ["stream", "reason"],
)

STREAM_UP = Gauge("aggregator_stream_up", "1 while the stream from socket is open.", ["stream"])
TICKER_BREAKS = Counter(
    "aggregator_ticker_breaks",
    "Breaks of the mini-tickers that lost some: socket_restarted, too_long (more than socket keeps), "
    "store_away (Redis did not answer at the start).",
    ["reason"],
)
TICKER_FRAMES_MISSED = Counter("aggregator_ticker_frames_missed", "Frames that such breaks lost, where known.")
STREAM_RECONNECTS = Counter(
    "aggregator_stream_reconnects",
    "Streams that ended and were opened again, by what ended them.",
    ["stream", "reason"],
)
SOURCE = Gauge("aggregator_source_info", "1 for the exchange that prices come from now.", ["source"])
NEWEST_EVENT_AGE = Gauge(
    "aggregator_newest_event_age_seconds", "Our clock minus the newest event time, at the last tick."
)
EXCHANGE_CLOCK_AHEAD = Gauge(
    "aggregator_exchange_clock_ahead_seconds", "The exchange's clock, as its events show it, minus this machine's."
)

PUBLISHES = Counter("aggregator_publishes", "SecondStats published.")
TICK_SECONDS = Histogram(
    "aggregator_tick_seconds",
    "From the start of a tick to Redis' answer.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2),
)
TICKS_SKIPPED = Counter(
    "aggregator_ticks_skipped",
    "Ticks that published nothing: redis (no answer), overrun (the one before took too long).",
    ["reason"],
)
CACHE_WRITABLE = Gauge(
    "aggregator_cache_writable", "0 while Redis refuses to write (full disk or memory, replica), else 1."
)
CACHE_REWRITES = Counter("aggregator_cache_rewrites", "Times the whole price cache was written.")
ERRORS = Counter("aggregator_error_answers", "Error answers, by their slug.", ["code"])
REDIS_ERRORS = Counter("aggregator_redis_errors", "Redis calls that failed or took too long.", ["call"])

FOLLOWERS = Gauge("aggregator_followers", "Followers that hold at least one symbol.")
FOLLOWED_SYMBOLS = Gauge("aggregator_followed_symbols", "Symbols whose trades are wanted.")
LEASES_EXPIRED = Counter("aggregator_leases_expired", "Leases that ended without renewal.")
LISTED_SYMBOLS = Gauge("aggregator_listed_symbols", "Symbols that the exchange lists; 0 if it publishes no list.")

_KIND = ("kind",)
EVENTS_WAITING = Gauge(
    "aggregator_events_waiting", "Events (kind: mini_tickers, agg_trades) that Kafka has not confirmed yet.", _KIND
)
EVENTS_WAITING_BYTES = Gauge("aggregator_events_waiting_bytes", "Memory of those that are not being sent.", _KIND)
EVENTS_OLDEST_AGE = Gauge(
    "aggregator_events_oldest_age_seconds", "Since the oldest of them arrived; 0 when none waits.", _KIND
)
EVENTS_PRODUCED = Counter("aggregator_events_produced", "Events that Kafka has confirmed.", _KIND)
EVENTS_LOST = Counter(
    "aggregator_events_lost",
    "Events that Kafka never got: overflow (the oldest, at the bound), shutdown (not delivered in time).",
    ["kind", "reason"],
)
EVENTS_SEND_SECONDS = Histogram(
    "aggregator_events_send_seconds",
    "From handing a round of batches to the producer to the last confirmation.",
    _KIND,
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)
KAFKA_UP = Gauge("aggregator_kafka_up", "1 while a producer is open. Readiness does not depend on it.", _KIND)
KAFKA_PRODUCER_ENDS = Counter(
    "aggregator_kafka_producer_ends", "Producers that were given up or never opened, by the error.", ["kind", "reason"]
)
