/** Candles, merged: pages of the past, the newest ones read again, and the price as it ticks. Figures stay exact text. */
import type { Candle as ApiCandle } from '../api/types';
import { compare, decimal } from '../lib/decimal';
import type { Num } from '../lib/json';

export interface Candle {
  /** Start, ms. */
  readonly t: number;
  readonly o: Num;
  readonly h: Num;
  readonly l: Num;
  readonly c: Num;
  /** Base volume of the interval, where back-filled. */
  readonly v: Num | null;
  /** Rolling base volume of 24 h, where the API has it. */
  readonly v24: Num | null;
  /** Number of trades of the interval, and their volume-weighted average price, where back-filled. */
  readonly n: Num | null;
  readonly vwap: Num | null;
}

export function candleOf({ t, o, h, l, c, v, v24, n, vwap }: ApiCandle): Candle {
  return { t: Number(t), o, h, l, c, v, v24, n, vwap };
}

/** The older page, then what is known; where both have a candle, what is known stays. Both ascend in `t`. */
export function prepended(older: readonly Candle[], known: readonly Candle[]): Candle[] {
  const first = known[0]?.t ?? Infinity;
  return [...older.filter(({ t }) => t < first), ...known];
}

/** What is known, with `newer` in place of the candles of the same time and between the others. Both ascend in `t`. */
export function merged(known: readonly Candle[], newer: readonly Candle[]): Candle[] {
  const start = newer[0]?.t;
  if (start === undefined) return [...known];
  const kept = known.findLastIndex(({ t }) => t < start) + 1;
  const byTime = new Map([...known.slice(kept), ...newer].map((candle) => [candle.t, candle]));
  return [...known.slice(0, kept), ...[...byTime.values()].sort((a, b) => a.t - b.t)];
}

/**
 * The last candle after a price of the bucket that starts at `t`: widened, or followed by a new one. Null when the price is
 * older than the candle. A new candle opens with its first price, as the exchange's do.
 */
export function ticked(last: Candle | undefined, t: number, price: Num): Candle | null {
  if (last === undefined || t > last.t) return { t, o: price, h: price, l: price, c: price, v: null, v24: null, n: null, vwap: null };
  if (t < last.t) return null;
  return { ...last, h: higher(last.h, price), l: lower(last.l, price), c: price };
}

/** The highest and the lowest figure of all. */
export function extremes(candles: readonly Candle[]): { readonly high: Num; readonly low: Num } | null {
  const [first, ...rest] = candles;
  if (first === undefined) return null;
  // Nearest floats decide; figures that differ only beyond them are compared exactly.
  return rest.reduce(({ high, low }, { h, l }) => ({ high: higher(high, h), low: lower(low, l) }), { high: first.h, low: first.l });
}

function higher(a: Num, b: Num): Num {
  return larger(b, a) ? b : a;
}

function lower(a: Num, b: Num): Num {
  return larger(a, b) ? b : a;
}

function larger(a: Num, b: Num): boolean {
  const difference = Number(a) - Number(b);
  return difference === 0 ? a !== b && compare(decimal(a), decimal(b)) > 0 : difference > 0;
}
