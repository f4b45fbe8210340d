/** The portfolio's past: the closes of all its coins, asked for at once, added up. */
import { get } from '../api/client';
import type { Holding } from '../live/portfolio.svelte';
import { clock } from '../lib/clock.svelte';
import { intervalOf, LENGTH_MS, over, STEP_MS, valueOverTime, type Close, type Interval, type Point, type Range } from './history';

const MOST_PER_REQUEST = 200;

export type Past = { readonly state: 'loading' } | { readonly state: 'failed' } | Known;

interface Known {
  readonly state: 'known';
  readonly points: readonly Point[];
  readonly range: Range;
  readonly interval: Interval;
  /** Whether the points begin where the range does. */
  readonly complete: boolean;
  /** The coins that the points are of. */
  readonly symbols: ReadonlySet<string>;
  /** Those of which no price is on record. */
  readonly missing: readonly string[];
}

/** Raises the signal's reason when it is aborted. */
export async function fetchPast(holdings: readonly Holding[], range: Range, signal: AbortSignal): Promise<Past> {
  const interval = intervalOf(range, holdings.length);
  const step = STEP_MS[interval];
  const to = Math.floor(clock.read() / step) * step;
  const from = to - LENGTH_MS[range];
  let closes: ReadonlyMap<string, readonly Close[]>;
  try {
    closes = await closesOf(holdings.map(({ symbol }) => symbol), interval, from, signal);
  } catch {
    signal.throwIfAborted();
    return { state: 'failed' };
  }
  const known = holdings
    .map(({ symbol, quantity }) => ({ symbol, quantity, closes: over(closes.get(symbol) ?? [], from, to) }))
    .filter((coin) => coin.closes.length > 0);
  const symbols = new Set(known.map(({ symbol }) => symbol));
  const points = valueOverTime(known);
  return {
    state: 'known',
    points,
    range,
    interval,
    complete: (points[0]?.time ?? Infinity) <= from + 2 * step,
    symbols,
    missing: holdings.map(({ symbol }) => symbol).filter((symbol) => !symbols.has(symbol)),
  };
}

async function closesOf(symbols: readonly string[], interval: Interval, from: number, signal: AbortSignal): Promise<ReadonlyMap<string, readonly Close[]>> {
  const found = new Map<string, readonly Close[]>();
  for (let start = 0; start < symbols.length; start += MOST_PER_REQUEST) {
    const named = symbols.slice(start, start + MOST_PER_REQUEST).join(',');
    const { closes } = await get('/v1/market/closes', { query: { symbols: named, interval, from: String(from) }, signal });
    for (const [symbol, line] of Object.entries(closes)) found.set(symbol, line.flatMap(([t, c]) => (t && c ? [{ t: Number(t), c }] : [])));
  }
  return found;
}
