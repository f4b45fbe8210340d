/** How far back the chart looks, and in candles of what length. */
import type { Interval } from '../lib/axis';

export type { Interval };
export const INTERVALS: readonly Interval[] = ['1s', '1m', '1h', '1d'];

export const RANGES = ['1h', '1d', '1w', '1m', '1y', 'all'] as const;
export type Range = (typeof RANGES)[number];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const STEP_MS: Readonly<Record<Interval, number>> = { '1s': 1000, '1m': MINUTE_MS, '1h': HOUR_MS, '1d': DAY_MS };

export const LENGTH_MS: Readonly<Record<Range, number>> = {
  '1h': HOUR_MS,
  '1d': DAY_MS,
  '1w': 7 * DAY_MS,
  '1m': 30 * DAY_MS,
  '1y': 365 * DAY_MS,
  all: Infinity,
};

/** A span: candles of an interval over a range, or, without one, the newest `LOOSE` of them. */
export interface Span {
  readonly interval: Interval;
  readonly range: Range | null;
}

/** Number of candles shown when no range is chosen. */
export const LOOSE = 180;
/** With fewer candles a range shows little, with more it is a blur. */
const FEW = 20;
const MANY = 4000;

const SENSIBLE: Readonly<Record<Range, Interval>> = { '1h': '1m', '1d': '1m', '1w': '1h', '1m': '1h', '1y': '1d', all: '1d' };

export function spanOfRange(range: Range): Span {
  return { interval: SENSIBLE[range], range };
}

/** Another interval keeps the range where the range makes sense in it. */
export function spanOfInterval(interval: Interval, { range }: Span): Span {
  return { interval, range: range !== null && fits(interval, range) ? range : null };
}

/** How many candles a span shows at most; Infinity for all. */
export function candlesIn({ interval, range }: Span): number {
  return range === null ? LOOSE : Math.ceil(LENGTH_MS[range] / STEP_MS[interval]);
}

export function bucketOf(timeMs: number, interval: Interval): number {
  return Math.floor(timeMs / STEP_MS[interval]) * STEP_MS[interval];
}

function fits(interval: Interval, range: Range): boolean {
  if (range === 'all') return interval === '1d';
  const count = LENGTH_MS[range] / STEP_MS[interval];
  return count >= FEW && count <= MANY;
}
