"""Names that processes must agree on: Redis channels and keys, Kafka topics (docs/contracts.md)."""

DEFAULT_SOURCE = "binance"
"""Where prices come from if a message does not say: the Go original names no source."""

LAST_PRICES = "market:last"
SOURCE = "market:source"
SYMBOLS = "market:symbols"
FOLLOWS = "market:follows"
PROFILE_CHANGES = "profile:changes"
TICKETS = "profile:ticket:"

MINI_TICKERS = "binance.miniticker"
DEAD_LETTERS = f"{MINI_TICKERS}.dlq"
CONSUMER_GROUP = "clickhouse-consumer-group"
