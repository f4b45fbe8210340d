"""Names that processes must agree on: Redis channels and keys, Kafka topics (docs/contracts.md)."""

DEFAULT_SOURCE = "binance"
"""Where prices come from if a message does not say: the Go original names no source."""

LAST_PRICES = "market:last"
SOURCE = "market:source"
SYMBOLS = "market:symbols"
FOLLOWS = "market:follows"
PROFILE_CHANGES = "profile:changes"
REVOCATIONS = "auth:revocations"
TICKETS = "profile:ticket:"

MINI_TICKERS = "binance.miniticker"
DEAD_LETTERS = f"{MINI_TICKERS}.dlq"
CONSUMER_GROUP = "clickhouse-consumer-group"


def revoked_session_key(session_id: str) -> str:
    """The key whose presence voids the access tokens of one session."""
    return f"auth:revoked:session:{session_id}"


def revoked_user_key(user_id: int) -> str:
    """The key that holds up to when (s) the access tokens of a user are void."""
    return f"auth:revoked:user:{user_id}"
