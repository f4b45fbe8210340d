"""Metrics of the authorization service."""

from prometheus_client import Counter, Gauge, Histogram

rpcs = Counter("auth_rpcs", "Finished calls by method and gRPC status", ["method", "status"])
rpc_seconds = Histogram("auth_rpc_duration_seconds", "Time from the arrival of a call to its answer", ["method"])
hashes = Counter("auth_password_hashes", "bcrypt computations begun, by operation (hash, verify)", ["operation"])
hashes_in_flight = Gauge("auth_password_hashes_in_flight", "bcrypt computations running or waiting for a thread")
hashes_refused = Counter("auth_password_hashes_refused", "bcrypt computations refused because too many waited")
attempts_refused = Counter("auth_attempts_refused", "Attempts refused by a rate limit, by limit", ["limit"])
limits_skipped = Counter("auth_limits_skipped", "Refreshes let through uncounted because Redis refused to store")
tokens_reused = Counter("auth_refresh_tokens_reused", "Spent refresh tokens that came back and ended their session")
revocations_repaired = Counter(
    "auth_revocations_repaired", "Revocations that Redis had not heard of, or had lost, announced by the sweep"
)
sweeps_failed = Counter("auth_sweeps_failed", "Rounds of a background sweep that failed, by sweep", ["sweep"])
rows_purged = Counter("auth_rows_purged", "Rows deleted because their time was over, by table", ["table"])
