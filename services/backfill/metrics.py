"""Metrics of the history that fills itself, with unit and meaning."""

from prometheus_client import Counter, Gauge

CANDLES = Counter(
    "backfill_candles",
    "Candles by outcome: written, absent (the exchange does not have them), rejected (rows that cannot be true).",
    ["interval", "outcome"],
)
SETBACKS = Counter("backfill_setbacks", "Jobs that failed and come again, by the kind of failure.", ["kind"])
TRADES_FILLED = Counter("backfill_trades_filled", "Trades fetched because they had not come when they were made.")
TRADES_MISSING = Counter(
    "backfill_trades_missing", "Trades that stay missing: too_long (a gap), exchange_lacks.", ["reason"]
)
WEIGHT = Gauge("backfill_used_weight", "Of the exchange's budget, used in the last minute by all behind our address.")
WANTED = Gauge("backfill_wanted_symbols", "Wanted symbols whose history is filled, or being filled.")
FILLED = Gauge("backfill_filled_symbols", "Those whose history is filled.")
PAUSED = Gauge("backfill_paused", "1 while the exchange or ClickHouse is in the way.")
