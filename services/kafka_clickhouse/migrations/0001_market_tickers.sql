-- Every mini-ticker. A replay of a message is the same row again: rows of one key become one when parts merge, and
-- FINAL shows them as one before that. Of two rows of one key, the one received last stays, in whatever order they come.

CREATE TABLE IF NOT EXISTS market_tickers
(
    message_id String CODEC(ZSTD(1)),
    event_type LowCardinality(String),
    event_time DateTime64(3, 'UTC') CODEC(DoubleDelta, LZ4),
    receive_time DateTime64(3, 'UTC') CODEC(DoubleDelta, LZ4),
    symbol LowCardinality(String),
    close_price Decimal(38, 18),
    open_price Decimal(38, 18),
    high_price Decimal(38, 18),
    low_price Decimal(38, 18),
    change_price Decimal(38, 18),
    change_percent Decimal(38, 18),
    volume Decimal(38, 18),
    quote_volume Decimal(38, 18),
    source LowCardinality(String),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, LZ4),
    -- For the newest rows of all symbols, and for counting what came in lately: old granules are skipped.
    INDEX event_time_range event_time TYPE minmax GRANULARITY 1,
    INDEX inserted_at_range inserted_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(receive_time)
PARTITION BY toYYYYMM(event_time)
PRIMARY KEY (symbol, event_time)
ORDER BY (symbol, event_time, source)
-- Such queries read one granule a symbol at least: smaller granules, fewer rows.
-- The window makes an insert that is sent again after a lost answer, with the same token, no second one.
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 1000;
