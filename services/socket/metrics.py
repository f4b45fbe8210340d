"""Every metric of this service. Names carry the unit; `source` names what the exchange really is."""

from prometheus_client import Counter, Gauge

SOURCE = Gauge("socket_source_info", "Where the frames come from (always 1).", ["source"])

CONNECTIONS = Gauge("socket_upstream_connections", "Open connections to the exchange.")
CONNECTS = Counter("socket_upstream_connects", "Attempts to connect to the exchange.", ["outcome"])
REPLACEMENTS = Counter(
    "socket_upstream_replacements",
    "Connections replaced, by reason: age, shutdown (announced by the exchange), silence, control (a control message "
    "was refused or not acknowledged), lost.",
    ["reason"],
)
CONTROL_MESSAGES = Counter("socket_control_messages", "Control messages, by outcome.", ["method", "outcome"])
STREAMS = Gauge("socket_upstream_symbols", "Symbols whose trades are asked of the exchange.")
REFUSED = Gauge("socket_symbols_refused", "Wanted symbols for which no connection has room.")

SET_ASIDE = Gauge("socket_symbols_set_aside", "Wanted symbols whose subscription the exchange refuses at present.")

FRAMES = Counter("socket_frames", "Frames read from the exchange, by kind.", ["kind"])
FRAME_AGE = Gauge(
    "socket_last_frame_age_seconds", "Time since the last frame from the exchange, of the stalest connection."
)
ACCEPTED_AGE = Gauge(
    "socket_last_accepted_age_seconds", "Time since the last event that could be used, by kind.", ["kind"]
)
REJECTED = Counter(
    "socket_rejected",
    "Entries of frames that cannot be used, by kind (ticker, trade, frame) and reason: malformed, time (an event time "
    "that cannot be one in ms), sequence (a lone trade id far ahead).",
    ["kind", "reason"],
)

GAPS = Counter("socket_gaps", "Gaps in the trade ids of a symbol.")
BACKFILLED = Counter("socket_trades_backfilled", "Trades fetched to fill a gap.")
LOST = Counter("socket_trades_lost", "Trade ids given up.")
DUPLICATES = Counter("socket_duplicates", "Frames dropped because another connection brought them.", ["kind"])
RESTARTS = Counter("socket_sequence_restarts", "Times the exchange began to count a symbol's trades anew.")
REST_REQUESTS = Counter("socket_rest_requests", "Requests to the exchange's REST interface.", ["outcome"])

SUBSCRIBERS = Gauge("socket_subscribers", "Open streams to subscribers, by kind.", ["kind"])
CUT = Counter("socket_subscribers_cut", "Subscribers ended because their queue was full.")
SYMBOLS = Gauge("socket_symbols_known", "Symbols the exchange trades, by its last listing.")
RING_BYTES = Gauge("socket_ring_bytes", "Memory of the mini-tickers that are kept for subscribers that come back.")
RESUMED = Counter("socket_resumed", "Mini-ticker subscribers that went on where they were cut off.")
