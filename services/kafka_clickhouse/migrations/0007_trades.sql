-- Every aggregate trade of the symbols that are recorded. Ids are contiguous per symbol: what is missing shows. A replay
-- is the same row again, as in market_tickers: of two rows of one key, the one received last stays. A partition is of the
-- trade's own time, which is one for all ways by which it comes: only rows of one partition ever become one.

CREATE TABLE IF NOT EXISTS trades
(
    symbol LowCardinality(String),
    trade_id Int64 CODEC(DoubleDelta, ZSTD(1)),
    price Decimal(38, 18) CODEC(ZSTD(1)),
    quantity Decimal(38, 18) CODEC(ZSTD(1)),
    first_id Int64 CODEC(DoubleDelta, ZSTD(1)),
    last_id Int64 CODEC(DoubleDelta, ZSTD(1)),
    event_time DateTime64(3, 'UTC') CODEC(DoubleDelta, LZ4),
    trade_time DateTime64(3, 'UTC') CODEC(DoubleDelta, LZ4),
    buyer_is_maker Bool,
    receive_time DateTime64(3, 'UTC') CODEC(DoubleDelta, LZ4),
    source LowCardinality(String),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, LZ4),
    -- Whether it was fetched later, because it had not come when it was made.
    filled Bool DEFAULT false,
    -- By time is asked as often as by id, and ids rise with time: old granules are skipped.
    INDEX trade_time_range trade_time TYPE minmax GRANULARITY 1,
    INDEX inserted_at_range inserted_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(receive_time)
PARTITION BY toYYYYMM(trade_time)
PRIMARY KEY (symbol, trade_id)
ORDER BY (symbol, trade_id, source)
SETTINGS index_granularity = 8192, non_replicated_deduplication_window = 1000;

-- What of the tape is there: a row per hour in which a symbol was recorded, made of the ids in trades, and made anew
-- whenever these change; the newest row counts. Ids that are missing belong to the hour of the trade after them.

CREATE TABLE IF NOT EXISTS trade_coverage
(
    source LowCardinality(String),
    symbol LowCardinality(String),
    hour DateTime('UTC') CODEC(DoubleDelta, LZ4),
    first_id Int64,
    last_id Int64,
    present UInt64,
    filled UInt64,
    missing UInt64,
    reason LowCardinality(String),
    updated_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(updated_at)
PARTITION BY toYear(hour)
ORDER BY (source, symbol, hour);
