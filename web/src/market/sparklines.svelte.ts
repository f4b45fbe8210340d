/** The last 24 h of the symbols that are looked at, hour by hour: asked for in batches, kept while they are as good as new. */
import { get } from '../api/client';
import { clock } from '../lib/clock.svelte';

/** The newest point is the live price anyway; the rest changes once an hour. */
const KEPT_MS = 600_000;
/** There may be none yet, or no answer: try again sooner. */
const EMPTY_MS = 60_000;
const PAUSE_MS = 120;
const MOST_PER_REQUEST = 100;

/** A time, ms, and a price: nearest floats, for these are drawn, not read. */
export type Point = readonly [number, number];
/** In order of time. */
export type Line = readonly Point[];

class Sparklines {
  #lines: ReadonlyMap<string, Line> = $state.raw(new Map());
  #askedAt = new Map<string, number>();
  #source: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  line(symbol: string): Line {
    return this.#lines.get(symbol) ?? [];
  }

  /** These are looked at now. Waits a moment for a scrolling list to settle. */
  want(symbols: readonly string[]): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(symbols), PAUSE_MS);
  }

  /** Lines of another source than before are of another market. */
  follow(source: string): void {
    if (source === this.#source) return;
    this.#source = source;
    this.#lines = new Map();
    this.#askedAt.clear();
  }

  async #ask(symbols: readonly string[]): Promise<void> {
    const now = clock.read();
    const missing = symbols.filter((symbol) => this.#due(symbol, now)).slice(0, MOST_PER_REQUEST);
    if (missing.length === 0) return;
    for (const symbol of missing) this.#askedAt.set(symbol, now);
    try {
      const { sparklines } = await get('/v1/market/sparklines', { query: { symbols: missing.join(',') } });
      const found = Object.entries(sparklines).map(([symbol, points]) => [symbol, closesOf(points)] as const);
      this.#lines = new Map([...this.#lines, ...found]);
    } catch {
      // The column stays empty for a while.
    }
  }

  #due(symbol: string, now: number): boolean {
    const age = now - (this.#askedAt.get(symbol) ?? -Infinity);
    return age > (this.line(symbol).length > 0 ? KEPT_MS : EMPTY_MS);
  }
}

export const sparklines = new Sparklines();

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A candle's close is the price at its end. */
function closesOf(points: readonly (readonly unknown[])[]): Line {
  return points.map(([start, close]) => [Number(start) + HOUR_MS, Number(close)]);
}

/**
 * The last 24 h up to the price of `now`: from the price of then, by the closes between, to this one. So the line rises where
 * the change beside it does: its ends are the two prices that the change is made of.
 */
export function shapeOf(closes: Line, open: number | null, price: number, now: number): Line {
  if (closes.length === 0) return [];
  const within = closes.filter(([time]) => time > now - DAY_MS && time < now);
  return [...(open === null ? [] : [[now - DAY_MS, open] as const]), ...within, [now, price]];
}

/** The line as an SVG path in a box of that size, from its left edge to its right; empty for less than two points. */
export function pathOf(line: Line, width: number, height: number): string {
  const [first, last] = [line[0], line.at(-1)];
  if (first === undefined || last === undefined || line.length < 2 || last[0] === first[0]) return '';
  const prices = line.map(([, price]) => price);
  const [least, most] = [Math.min(...prices), Math.max(...prices)];
  const x = (time: number): number => ((time - first[0]) / (last[0] - first[0])) * width;
  const y = (price: number): number => (most === least ? height / 2 : height - ((price - least) / (most - least)) * height);
  return line.map(([time, price], index) => `${index === 0 ? 'M' : 'L'}${round(x(time))} ${round(y(price))}`).join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
