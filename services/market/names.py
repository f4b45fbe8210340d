"""Names that processes must agree on: Redis channels and keys, Kafka topics (docs/contracts.md)."""

DEFAULT_SOURCE = "binance"
"""The source of prices if a message names none, as the Go original does not."""

LAST_PRICES = "market:last"
SOURCE = "market:source"
SYMBOLS = "market:symbols"
WANTED = "market:wanted"
FILL = "market:fill"
FOLLOWS = "market:follows"
PROFILE_CHANGES = "profile:changes"
TICKETS = "profile:ticket:"

MINI_TICKERS = "binance.miniticker"
DEAD_LETTERS = f"{MINI_TICKERS}.dlq"
AGG_TRADES = "binance.aggtrade"
TRADE_DEAD_LETTERS = f"{AGG_TRADES}.dlq"
CONSUMER_GROUP = "clickhouse-consumer-group"
