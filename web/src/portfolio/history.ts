/** What today's amounts were worth at times past: the closes of each coin's candles, in one currency, added up. */
import { add, decimal, divide, multiply, text, ZERO, type Decimal } from '../lib/decimal';
import type { Num } from '../lib/json';

export const RANGES = ['1h', '24h', '7d', '30d', '1y'] as const;
export type Range = (typeof RANGES)[number];
export type Interval = '1m' | '1h' | '1d';

const HOUR_MS = 3_600_000;
export const LENGTH_MS: Readonly<Record<Range, number>> = {
  '1h': HOUR_MS,
  '24h': 24 * HOUR_MS,
  '7d': 7 * 24 * HOUR_MS,
  '30d': 30 * 24 * HOUR_MS,
  '1y': 365 * 24 * HOUR_MS,
};
export const STEP_MS: Readonly<Record<Interval, number>> = { '1m': 60_000, '1h': HOUR_MS, '1d': 24 * HOUR_MS };

/** How finely a range is asked for: a day in minutes only while that is not too much to fetch. */
export function intervalOf(range: Range, coins: number): Interval {
  if (range === '1y') return '1d';
  return range === '1h' || (range === '24h' && coins <= 8) ? '1m' : '1h';
}

export interface Close {
  /** Start of the candle, ms. */
  readonly t: number;
  readonly c: Num;
}

export interface Point {
  readonly time: number;
  readonly value: Decimal;
}

/**
 * A coin's closes from `from` to `to`, both included: where nothing was traded at an end, with the close that held there.
 * Of `closes`, which ascend, the last one before `from` is the one that is carried in; without it the coin begins later.
 */
export function over(closes: readonly Close[], from: number, to: number): readonly Close[] {
  const before = closes.findLast(({ t }) => t <= from);
  const within = closes.filter(({ t }) => t > from);
  const known = before === undefined ? within : [{ t: from, c: before.c }, ...within];
  const last = known.at(-1);
  return last === undefined || last.t >= to ? known : [...known, { t: to, c: last.c }];
}

/** Places of a close that is divided by a rate: below what any chart or figure shows. */
const PLACES = 30;

/** Closes × rates, or ÷ where `inverted`: at each time of either, from where both are known. */
export function converted(closes: readonly Close[], rates: readonly Close[], inverted: boolean): readonly Close[] {
  const start = Math.max(closes[0]?.t ?? Infinity, rates[0]?.t ?? Infinity);
  const times = [...new Set([...closes, ...rates].map(({ t }) => t))].filter((t) => t >= start).sort((a, b) => a - b);
  const [prices, factors] = [pricesAt(times, closes), pricesAt(times, rates)];
  return times.flatMap((t, index) => {
    const [price, factor] = [prices[index] ?? ZERO, factors[index] ?? ZERO];
    const c = inverted ? divide(price, factor, PLACES) : multiply(price, factor);
    return c === null ? [] : [{ t, c: text(c) as Num }];
  });
}

/**
 * The sum at each time at which some coin has a candle, from where every coin has one. A coin without a candle at that
 * time has the close of its last one: nothing was traded since. Every coin has a candle.
 */
export function valueOverTime(
  coins: readonly { readonly quantity: Num; readonly closes: readonly Close[] }[],
): readonly Point[] {
  const start = Math.max(...coins.map(({ closes }) => closes[0]?.t ?? Infinity));
  const times = [...new Set(coins.flatMap(({ closes }) => closes.map(({ t }) => t)))].filter((t) => t >= start).sort((a, b) => a - b);
  const lines = coins.map(({ quantity, closes }) => pricesAt(times, closes).map((price) => multiply(decimal(quantity), price)));
  return times.map((time, index) => ({
    time,
    value: lines.reduce((sum, line) => add(sum, line[index] ?? ZERO), ZERO),
  }));
}

function pricesAt(times: readonly number[], closes: readonly Close[]): readonly Decimal[] {
  let next = 0;
  let price = ZERO;
  return times.map((time) => {
    for (let close = closes[next]; close !== undefined && close.t <= time; close = closes[++next]) {
      price = decimal(close.c);
    }
    return price;
  });
}
