/** The portfolio's past: the closes of all its coins, and of the pairs that convert them, asked for at once, added up in one currency. */
import { get } from '../api/client';
import type { Holding, Path } from '../live/portfolio.svelte';
import { clock } from '../lib/clock.svelte';
import type { Num } from '../lib/json';
import { directory } from '../market/directory.svelte';
import { converted, intervalOf, LENGTH_MS, over, STEP_MS, valueOverTime, type Close, type Interval, type Point, type Range } from './history';

const MOST_PER_REQUEST = 200;

export type Past = { readonly state: 'loading' } | { readonly state: 'failed' } | Known;

interface Known {
  readonly state: 'known';
  readonly points: readonly Point[];
  readonly range: Range;
  /** That of the points. */
  readonly currency: string;
  readonly interval: Interval;
  /** Whether the points begin where the range does. */
  readonly complete: boolean;
  /** The coins that the points are of. */
  readonly symbols: ReadonlySet<string>;
  /** Those of which no price is on record. */
  readonly missing: readonly string[];
  /** Those whose prices are on record, in a unit from which some pair on the way to the currency has none. */
  readonly unconverted: readonly string[];
}

const ONE = '1' as Num;

/** What is held, and the ways from what it is priced in to the currency of the points. */
interface Held {
  readonly holdings: readonly Holding[];
  readonly currency: string;
  path(asset: string): Path | null;
}

/** Raises the signal's reason when it is aborted. */
export async function fetchPast(held: Held, range: Range, signal: AbortSignal): Promise<Past> {
  const { holdings, currency } = held;
  const interval = intervalOf(range, holdings.length);
  const step = STEP_MS[interval];
  const to = Math.floor(clock.read() / step) * step;
  const from = to - LENGTH_MS[range];
  const coins = holdings.map(({ symbol, quantity }) => {
    return { symbol, quantity, isAsset: directory.isAsset(symbol), path: held.path(directory.unit(symbol)) };
  });
  const pairs = coins.flatMap(({ symbol, isAsset, path }) => [...(isAsset ? [] : [symbol]), ...(path ?? []).map((leg) => leg.symbol)]);
  let closes: ReadonlyMap<string, readonly Close[]>;
  try {
    closes = await closesOf([...new Set(pairs)], interval, from, signal);
  } catch {
    signal.throwIfAborted();
    return { state: 'failed' };
  }
  const lineOf = (symbol: string): readonly Close[] => over(closes.get(symbol) ?? [], from, to);
  const recorded = coins
    .map((coin) => ({ ...coin, closes: coin.isAsset ? [{ t: from, c: ONE }, { t: to, c: ONE }] : lineOf(coin.symbol) }))
    .filter((coin) => coin.closes.length > 0);
  const known = recorded
    .map(({ path, ...coin }) => ({
      ...coin,
      closes: path === null ? [] : converted(coin.closes, path.map(({ symbol, backwards }) => ({ closes: lineOf(symbol), backwards }))),
    }))
    .filter((coin) => coin.closes.length > 0);
  const unconverted = recorded.map(({ symbol }) => symbol).filter((symbol) => !known.some((coin) => coin.symbol === symbol));
  const symbols = new Set(known.map(({ symbol }) => symbol));
  const points = valueOverTime(known);
  return {
    state: 'known',
    points,
    range,
    currency,
    interval,
    complete: (points[0]?.time ?? Infinity) <= from + 2 * step,
    symbols,
    missing: holdings.map(({ symbol }) => symbol).filter((symbol) => !symbols.has(symbol) && !unconverted.includes(symbol)),
    unconverted,
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
