-- What readers use: one row per candle, whatever has been merged already. Filters on source, symbol and time reach the
-- primary key of the states.

CREATE VIEW IF NOT EXISTS candles_1s AS
SELECT
    states.source AS source,
    states.symbol AS symbol,
    states.time AS time,
    min(states.open).2 AS open,
    max(states.high) AS high,
    min(states.low) AS low,
    max(states.close).2 AS close,
    max(states.volume) AS volume,
    max(states.quote_volume) AS quote_volume,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).2) AS volume_24h,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h
FROM candles_1s_states AS states
GROUP BY source, symbol, time;

CREATE VIEW IF NOT EXISTS candles_1m AS
SELECT
    states.source AS source,
    states.symbol AS symbol,
    states.time AS time,
    min(states.open).2 AS open,
    max(states.high) AS high,
    min(states.low) AS low,
    max(states.close).2 AS close,
    max(states.volume) AS volume,
    max(states.quote_volume) AS quote_volume,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).2) AS volume_24h,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h
FROM candles_1m_states AS states
GROUP BY source, symbol, time;

CREATE VIEW IF NOT EXISTS candles_1h AS
SELECT
    states.source AS source,
    states.symbol AS symbol,
    states.time AS time,
    min(states.open).2 AS open,
    max(states.high) AS high,
    min(states.low) AS low,
    max(states.close).2 AS close,
    max(states.volume) AS volume,
    max(states.quote_volume) AS quote_volume,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).2) AS volume_24h,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h
FROM candles_1h_states AS states
GROUP BY source, symbol, time;

CREATE VIEW IF NOT EXISTS candles_1d AS
SELECT
    states.source AS source,
    states.symbol AS symbol,
    states.time AS time,
    min(states.open).2 AS open,
    max(states.high) AS high,
    min(states.low) AS low,
    max(states.close).2 AS close,
    max(states.volume) AS volume,
    max(states.quote_volume) AS quote_volume,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).2) AS volume_24h,
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h
FROM candles_1d_states AS states
GROUP BY source, symbol, time;
