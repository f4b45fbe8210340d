/** What today's amounts were worth at times past: the closes of each coin's candles, exactly, added up. */
import { add, decimal, multiply, type Decimal } from '../lib/decimal';
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
 * The sum at each time at which some coin has a candle, from where every coin has one. A coin without a candle at that
 * time has the close of its last one: nothing was traded since. Coins without any history are left out.
 */
export function valueOverTime(
  coins: readonly { readonly quantity: Num; readonly closes: readonly Close[] }[],
): readonly Point[] {
  const known = coins.filter(({ closes }) => closes.length > 0);
  const start = Math.max(...known.map(({ closes }) => closes[0]?.t ?? 0));
  const times = [...new Set(known.flatMap(({ closes }) => closes.map(({ t }) => t)))].filter((t) => t >= start).sort((a, b) => a - b);
  const lines = known.map(({ quantity, closes }) => valuesAt(times, decimal(quantity), closes));
  return times.map((time, index) => ({
    time,
    value: lines.reduce<Decimal>((sum, line) => add(sum, line[index] ?? { digits: 0n, scale: 0 }), { digits: 0n, scale: 0 }),
  }));
}

function valuesAt(times: readonly number[], quantity: Decimal, closes: readonly Close[]): readonly Decimal[] {
  let next = 0;
  let value: Decimal = { digits: 0n, scale: 0 };
  return times.map((time) => {
    for (let close = closes[next]; close !== undefined && close.t <= time; close = closes[++next]) {
      value = multiply(quantity, decimal(close.c));
    }
    return value;
  });
}
