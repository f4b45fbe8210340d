/** Trades that are missing, as the coverage ledger names them hour by hour, brought to the candles of a chart. */
import type { CoverageHour } from '../api/types';
import { add, decimal, ZERO, type Decimal } from '../lib/decimal';
import type { Candle } from './candles';
import { STEP_MS, type Interval } from './ranges';

const HOUR_MS = STEP_MS['1h'];

/** How long a hole is: an hour, or a day where a candle is one. */
export type HoleUnit = '1h' | '1d';

export interface Hole {
  /** Start, ms: of the hour, or of the day where a candle is one. */
  readonly t: number;
  readonly missing: Decimal;
  /** Why, in the ledger's words; each once. */
  readonly reasons: readonly string[];
}

/** That of a chart's candles. */
export function unitOf(interval: Interval): HoleUnit {
  return interval === '1d' ? '1d' : '1h';
}

/** The holes by their start, each as long as `unit`. Hours of which nothing is missing are none. */
export function holesOf(hours: readonly CoverageHour[], unit: HoleUnit): ReadonlyMap<number, Hole> {
  const holes = new Map<number, Hole>();
  for (const hour of hours) {
    if (Number(hour.missing) === 0) continue;
    const t = startOf(Number(hour.t), unit);
    const { missing, reasons } = holes.get(t) ?? { missing: ZERO, reasons: [] };
    holes.set(t, { t, missing: add(missing, decimal(hour.missing)), reasons: [...new Set([...reasons, ...reasonsOf(hour)])] });
  }
  return holes;
}

/** The start of the hole that a time would be in. */
export function startOf(ms: number, unit: HoleUnit): number {
  return Math.floor(ms / STEP_MS[unit]) * STEP_MS[unit];
}

/** Those that the candles reach over, the newest first. */
export function within(holes: ReadonlyMap<number, Hole>, candles: readonly Candle[], unit: HoleUnit): readonly Hole[] {
  const [first, last] = [candles[0], candles.at(-1)];
  if (first === undefined || last === undefined) return [];
  return [...holes.values()].filter(({ t }) => t + STEP_MS[unit] > first.t && t <= last.t).sort((a, b) => b.t - a.t);
}

/** From where to where coverage is asked for: as far back as one answer reaches, in whole hours. */
export function rangeUntil(nowMs: number): { readonly from: number; readonly to: number } {
  const to = startOf(nowMs, '1h') + HOUR_MS;
  return { from: to - MOST_HOURS * HOUR_MS, to };
}

const MOST_HOURS = 10_000;

function reasonsOf({ reason }: CoverageHour): readonly string[] {
  return reason === null ? [] : reason.split(',');
}
