"""Metrics of the profile service, with unit and meaning. The live engine's are in `live/metrics.py`."""

from prometheus_client import Counter, Histogram

HTTP_SECONDS = Histogram(
    "profile_http_request_seconds",
    "Time to answer a request, by route template and status.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ERRORS = Counter("profile_error_answers", "Error answers, by their slug.", ["code"])
AUTHORIZATION_SECONDS = Histogram(
    "profile_authorization_call_seconds",
    "Time of a call of the authorization service, by RPC and gRPC status.",
    ["rpc", "status"],
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 3),
)
AGGREGATOR_CALLS = Counter(
    "profile_aggregator_calls", "Requests of the aggregator, by outcome.", ["request", "outcome"]
)
ROWS_DEFERRED = Counter(
    "profile_rows_deferred", "Accounts whose profile row could not be written at once; the next request heals it."
)
ROWS_HEALED = Counter("profile_rows_healed", "Profile rows made for an account that had none.")
ROWS_FOREIGN = Counter("profile_rows_foreign", "Requests refused because the row of their id has another name.")
WEBSOCKETS_REFUSED = Counter("profile_websockets_refused", "Websocket handshakes refused, by slug.", ["code"])
TICKETS_KEPT = Counter(
    "profile_tickets_kept", "Websocket tickets kept in this process because Redis refused to store them."
)
MARKET_REQUESTS = Counter(
    "profile_market_requests",
    "Requests for market data: the status passed on, limited (client), unavailable, cut (after the head had left).",
    ["outcome"],
)
