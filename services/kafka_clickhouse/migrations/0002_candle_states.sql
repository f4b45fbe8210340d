-- Candles as states that neither duplicates nor re-ordering can change: each is a minimum or a maximum.
--   open, close   (event time, price): the least, the greatest. At one instant the lower price opens, the higher closes.
--   high, low     of the prices seen
--   rolling       (event time, 24 h volume, 24 h quote volume): the greatest. (0, 0, 0) where nobody told them.
--   volume, quote_volume   of the interval: only the exchange's klines tell them, so the back-fill writes them at each
--                 level itself; they are not handed on from one level to the next, and NULL yields to any value.
-- An insert goes through all levels: market_tickers -> 1s -> 1m -> 1h -> 1d.

CREATE TABLE IF NOT EXISTS candles_1s_states
(
    source LowCardinality(String),
    symbol LowCardinality(String),
    time DateTime('UTC') CODEC(DoubleDelta, LZ4),
    open SimpleAggregateFunction(min, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18))),
    high SimpleAggregateFunction(max, Decimal(38, 18)),
    low SimpleAggregateFunction(min, Decimal(38, 18)),
    close SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18))),
    volume SimpleAggregateFunction(max, Nullable(Decimal(38, 18))),
    quote_volume SimpleAggregateFunction(max, Nullable(Decimal(38, 18))),
    rolling SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18), Decimal(38, 18)))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (source, symbol, time);

CREATE TABLE IF NOT EXISTS candles_1m_states
(
    source LowCardinality(String),
    symbol LowCardinality(String),
    time DateTime('UTC') CODEC(DoubleDelta, LZ4),
    open SimpleAggregateFunction(min, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18))),
    high SimpleAggregateFunction(max, Decimal(38, 18)),
    low SimpleAggregateFunction(min, Decimal(38, 18)),
    close SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18))),
    volume SimpleAggregateFunction(max, Nullable(Decimal(38, 18))),
    quote_volume SimpleAggregateFunction(max, Nullable(Decimal(38, 18))),
    rolling SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18), Decimal(38, 18)))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (source, symbol, time);

CREATE TABLE IF NOT EXISTS candles_1h_states
(
    source LowCardinality(String),
    symbol LowCardinality(String),
    time DateTime('UTC') CODEC(DoubleDelta, LZ4),
    open SimpleAggregateFunction(min, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18))),
    high SimpleAggregateFunction(max, Decimal(38, 18)),
    low SimpleAggregateFunction(min, Decimal(38, 18)),
    close SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18))),
    volume SimpleAggregateFunction(max, Nullable(Decimal(38, 18))),
    quote_volume SimpleAggregateFunction(max, Nullable(Decimal(38, 18))),
    rolling SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18), Decimal(38, 18)))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(time)
ORDER BY (source, symbol, time);

CREATE TABLE IF NOT EXISTS candles_1d_states
(
    source LowCardinality(String),
    symbol LowCardinality(String),
    time DateTime('UTC') CODEC(DoubleDelta, LZ4),
    open SimpleAggregateFunction(min, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18))),
    high SimpleAggregateFunction(max, Decimal(38, 18)),
    low SimpleAggregateFunction(min, Decimal(38, 18)),
    close SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18))),
    volume SimpleAggregateFunction(max, Nullable(Decimal(38, 18))),
    quote_volume SimpleAggregateFunction(max, Nullable(Decimal(38, 18))),
    rolling SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), Decimal(38, 18), Decimal(38, 18)))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(time)
ORDER BY (source, symbol, time);

-- No GROUP BY here: most tickers are alone in their second, and a block's equal keys become one when it is written.
CREATE MATERIALIZED VIEW IF NOT EXISTS candles_1s_feed TO candles_1s_states AS
SELECT
    source,
    symbol,
    toDateTime(event_time, 'UTC') AS time,
    (event_time, close_price) AS open,
    close_price AS high,
    close_price AS low,
    (event_time, close_price) AS close,
    (if(volume = 0 AND quote_volume = 0, toDateTime64(0, 3, 'UTC'), event_time), volume, quote_volume) AS rolling
FROM market_tickers;

CREATE MATERIALIZED VIEW IF NOT EXISTS candles_1m_feed TO candles_1m_states AS
SELECT
    finer.source AS source,
    finer.symbol AS symbol,
    toStartOfMinute(finer.time) AS time,
    min(finer.open) AS open,
    max(finer.high) AS high,
    min(finer.low) AS low,
    max(finer.close) AS close,
    max(finer.rolling) AS rolling
FROM candles_1s_states AS finer
GROUP BY source, symbol, time;

CREATE MATERIALIZED VIEW IF NOT EXISTS candles_1h_feed TO candles_1h_states AS
SELECT
    finer.source AS source,
    finer.symbol AS symbol,
    toStartOfHour(finer.time) AS time,
    min(finer.open) AS open,
    max(finer.high) AS high,
    min(finer.low) AS low,
    max(finer.close) AS close,
    max(finer.rolling) AS rolling
FROM candles_1m_states AS finer
GROUP BY source, symbol, time;

CREATE MATERIALIZED VIEW IF NOT EXISTS candles_1d_feed TO candles_1d_states AS
SELECT
    finer.source AS source,
    finer.symbol AS symbol,
    toStartOfDay(finer.time) AS time,
    min(finer.open) AS open,
    max(finer.high) AS high,
    min(finer.low) AS low,
    max(finer.close) AS close,
    max(finer.rolling) AS rolling
FROM candles_1h_states AS finer
GROUP BY source, symbol, time;
