-- What the exchange's klines say of a candle wins over what was seen of it. A mini-ticker may tell a price that was made
-- before its own second, minute or day began, so that the highs and lows of what was seen can be too wide, and no minimum
-- or maximum takes that back.
--   exact   (open, high, low, close) of the interval's kline. (0, 0, 0, 0) where there is none. Closed klines do not
--           change, so the greatest is the only one. Like the volumes it is not handed on from one level to the next.

ALTER TABLE candles_1s_states
    ADD COLUMN IF NOT EXISTS exact SimpleAggregateFunction(max, Tuple(Decimal(38, 18), Decimal(38, 18), Decimal(38, 18), Decimal(38, 18)));

ALTER TABLE candles_1m_states
    ADD COLUMN IF NOT EXISTS exact SimpleAggregateFunction(max, Tuple(Decimal(38, 18), Decimal(38, 18), Decimal(38, 18), Decimal(38, 18)));

ALTER TABLE candles_1h_states
    ADD COLUMN IF NOT EXISTS exact SimpleAggregateFunction(max, Tuple(Decimal(38, 18), Decimal(38, 18), Decimal(38, 18), Decimal(38, 18)));

ALTER TABLE candles_1d_states
    ADD COLUMN IF NOT EXISTS exact SimpleAggregateFunction(max, Tuple(Decimal(38, 18), Decimal(38, 18), Decimal(38, 18), Decimal(38, 18)));

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
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h
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
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h
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
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h
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
    if(toUnixTimestamp64Milli(max(states.rolling).1) = 0, NULL, max(states.rolling).3) AS quote_volume_24h
FROM candles_1d_states AS states
GROUP BY source, symbol, time;
