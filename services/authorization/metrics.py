"""Every metric of the authorization service."""

from prometheus_client import Counter, Gauge, Histogram

RPCS = Counter("auth_rpcs", "Finished calls by method and gRPC status.", ["method", "status"])
RPC_SECONDS = Histogram("auth_rpc_duration_seconds", "Time from the arrival of a call to its answer.", ["method"])
HASHES = Counter("auth_password_hashes", "bcrypt computations begun, by operation (hash, verify).", ["operation"])
HASHES_IN_FLIGHT = Gauge("auth_password_hashes_in_flight", "bcrypt computations running or waiting for a thread.")
HASHES_REFUSED = Counter("auth_password_hashes_refused", "bcrypt computations refused because too many waited.")
ATTEMPTS_REFUSED = Counter("auth_attempts_refused", "Attempts refused by a rate limit, by limit.", ["limit"])
LIMITS_SKIPPED = Counter("auth_limits_skipped", "Refreshes let through uncounted because Redis refused to store.")
TOKENS_REUSED = Counter("auth_refresh_tokens_reused", "Spent refresh tokens that came back and ended their session.")
REVOCATIONS_REPAIRED = Counter(
    "auth_revocations_repaired", "Revocations that Redis had not heard of, or had lost, announced by the sweep."
)
SWEEPS_FAILED = Counter("auth_sweeps_failed", "Rounds of a background sweep that failed, by sweep.", ["sweep"])
ROWS_PURGED = Counter("auth_rows_purged", "Rows deleted because their time was over, by table.", ["table"])
