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

/** Places of a close that is a quotient: below what any chart or figure shows. */
const PLACES = 30;
const ONE = decimal('1');

/** One pair of the way into another unit, with its closes: they multiply, or divide where it is used backwards. */
export interface PastLeg {
  readonly closes: readonly Close[];
  readonly backwards: boolean;
}

/**
 * Closes in the unit to which the legs lead, rounded at most once: at each time of any of them, from where all are known. A
 * leg without a candle at that time has the close of its last one; without any candle nothing is known.
 */
export function converted(closes: readonly Close[], legs: readonly PastLeg[]): readonly Close[] {
  if (legs.length === 0) return closes;
  const lines = [closes, ...legs.map((leg) => leg.closes)];
  const times = timesOf(lines);
  const prices = pricesAt(times, closes);
  const rates = legs.map((leg) => ({ ...leg, prices: pricesAt(times, leg.closes) }));
  const product = (index: number, backwards: boolean): Decimal =>
    rates.filter((leg) => leg.backwards === backwards).reduce((result, leg) => multiply(result, leg.prices[index] ?? ZERO), ONE);
  const isQuotient = legs.some(({ backwards }) => backwards);
  return times.flatMap((t, index) => {
    const dividend = multiply(prices[index] ?? ZERO, product(index, false));
    const c = isQuotient ? divide(dividend, product(index, true), PLACES) : dividend;
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
  const times = timesOf(coins.map(({ closes }) => closes));
  const lines = coins.map(({ quantity, closes }) => pricesAt(times, closes).map((price) => multiply(decimal(quantity), price)));
  return times.map((time, index) => ({
    time,
    value: lines.reduce((sum, line) => add(sum, line[index] ?? ZERO), ZERO),
  }));
}

/** Every time of any line, from where each of them has begun. */
function timesOf(lines: readonly (readonly Close[])[]): readonly number[] {
  const start = Math.max(...lines.map((closes) => closes[0]?.t ?? Infinity));
  return [...new Set(lines.flatMap((closes) => closes.map(({ t }) => t)))].filter((t) => t >= start).sort((a, b) => a - b);
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
