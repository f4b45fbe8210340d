-- How many trades a candle has, as the exchange counts them. Only its klines contain that: like the volumes it is written at
-- each level by itself, is not handed on from one level to the next, and NULL (unknown) yields to any value.

ALTER TABLE candles_1s_states
    ADD COLUMN IF NOT EXISTS trades SimpleAggregateFunction(max, Nullable(UInt64));

ALTER TABLE candles_1m_states
    ADD COLUMN IF NOT EXISTS trades SimpleAggregateFunction(max, Nullable(UInt64));

ALTER TABLE candles_1h_states
    ADD COLUMN IF NOT EXISTS trades SimpleAggregateFunction(max, Nullable(UInt64));

ALTER TABLE candles_1d_states
    ADD COLUMN IF NOT EXISTS trades SimpleAggregateFunction(max, Nullable(UInt64));

CREATE OR REPLACE VIEW candles_1s AS
SELECT
    states.source AS source,
    states.symbol AS symbol,
    states.time AS time,
    if(max(states.exact).1 = 0, min(states.open).2, max(states.exact).1) AS open,
    if(max(states.exact).1 = 0, max(states.high), max(states.exact).2) AS high,
    if(max(states.exact).1 = 0, min(states.low), max(states.exact).3) AS low,
    if(max(states.exact).1 = 0, max(states.close).2, max(states.exact).4) AS close,
    max(states.volume) AS volume,
    max(states.quote_volume) AS quote_volume,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).2) AS volume_24h,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h,
    max(states.trades) AS trades
FROM candles_1s_states AS states
GROUP BY source, symbol, time;

CREATE OR REPLACE VIEW candles_1m AS
SELECT
    states.source AS source,
    states.symbol AS symbol,
    states.time AS time,
    if(max(states.exact).1 = 0, min(states.open).2, max(states.exact).1) AS open,
    if(max(states.exact).1 = 0, max(states.high), max(states.exact).2) AS high,
    if(max(states.exact).1 = 0, min(states.low), max(states.exact).3) AS low,
    if(max(states.exact).1 = 0, max(states.close).2, max(states.exact).4) AS close,
    max(states.volume) AS volume,
    max(states.quote_volume) AS quote_volume,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).2) AS volume_24h,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h,
    max(states.trades) AS trades
FROM candles_1m_states AS states
GROUP BY source, symbol, time;

CREATE OR REPLACE VIEW candles_1h AS
SELECT
    states.source AS source,
    states.symbol AS symbol,
    states.time AS time,
    if(max(states.exact).1 = 0, min(states.open).2, max(states.exact).1) AS open,
    if(max(states.exact).1 = 0, max(states.high), max(states.exact).2) AS high,
    if(max(states.exact).1 = 0, min(states.low), max(states.exact).3) AS low,
    if(max(states.exact).1 = 0, max(states.close).2, max(states.exact).4) AS close,
    max(states.volume) AS volume,
    max(states.quote_volume) AS quote_volume,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).2) AS volume_24h,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h,
    max(states.trades) AS trades
FROM candles_1h_states AS states
GROUP BY source, symbol, time;

CREATE OR REPLACE VIEW candles_1d AS
SELECT
    states.source AS source,
    states.symbol AS symbol,
    states.time AS time,
    if(max(states.exact).1 = 0, min(states.open).2, max(states.exact).1) AS open,
    if(max(states.exact).1 = 0, max(states.high), max(states.exact).2) AS high,
    if(max(states.exact).1 = 0, min(states.low), max(states.exact).3) AS low,
    if(max(states.exact).1 = 0, max(states.close).2, max(states.exact).4) AS close,
    max(states.volume) AS volume,
    max(states.quote_volume) AS quote_volume,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).2) AS volume_24h,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h,
    max(states.trades) AS trades
FROM candles_1d_states AS states
GROUP BY source, symbol, time;
