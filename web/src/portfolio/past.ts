/** The portfolio's past, fetched coin by coin, a few at a time, and kept until the coins or the range change. */
import { get } from '../api/client';
import { ApiError } from '../api/errors';
import type { Holding } from '../live/portfolio.svelte';
import { clock } from '../lib/clock.svelte';
import { intervalOf, LENGTH_MS, over, STEP_MS, valueOverTime, type Close, type Interval, type Point, type Range } from './history';

const AT_ONCE = 4;
/** The market says how many requests are too many, and how long to wait then. */
const MOST_WAITS = 3;
const LONGEST_WAIT_S = 20;

export type Past =
  | { readonly state: 'loading' }
  | { readonly state: 'failed' }
  | Known;

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
  // The last so many candles before now: one more than fit into the range, which is the last one before it.
  const limit = LENGTH_MS[range] / step + 2;
  const waiting = [...holdings];
  const coins: { symbol: string; quantity: Holding['quantity']; closes: readonly Close[] }[] = [];
  let failed = 0;
  let waits = 0;
  async function work(): Promise<void> {
    for (let holding = waiting.shift(); holding !== undefined; holding = waiting.shift()) {
      const { symbol, quantity } = holding;
      try {
        const { candles } = await get('/v1/market/history/{symbol}', { path: { symbol }, query: { interval, limit }, signal });
        coins.push({ symbol, quantity, closes: over(candles.map(({ t, c }) => ({ t: Number(t), c })), from, to) });
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ApiError && error.status === 429 && waits++ < MOST_WAITS * AT_ONCE) {
          await pause(Math.min(error.retryAfterS ?? LONGEST_WAIT_S, LONGEST_WAIT_S) * 1000, signal);
          waiting.push(holding);
        } else if (error instanceof ApiError && error.status === 404) {
          coins.push({ symbol, quantity, closes: [] }); // listed no more, and nothing known of it
        } else {
          failed += 1;
        }
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  // A curve of some of the coins would be a wrong curve.
  if (failed > 0) return { state: 'failed' };
  const known = coins.filter(({ closes }) => closes.length > 0);
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

/** Raises the signal's reason when it is aborted meanwhile. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop);
  });
}
