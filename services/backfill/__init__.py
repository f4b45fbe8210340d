"""The back-fill: missing candles in ClickHouse, filled from the exchange's klines, by a command and by itself."""
