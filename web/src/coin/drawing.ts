/** Candles as the chart library takes them. Here, and only here, figures become floats: they are places on a canvas. */
import type { CandlestickData, CandlestickStyleOptions, HistogramData, LineData, UTCTimestamp, WhitespaceData } from 'lightweight-charts';

import type { Axis } from '../lib/axis';
import type { Candle } from './candles';

/** The colours of what rises and what falls. */
export interface Colours {
  readonly up: string;
  readonly down: string;
}

/** As the library has it: a candle that closes where it opened rises. */
export function directionOf({ o, c }: Candle): keyof Colours {
  return Number(c) >= Number(o) ? 'up' : 'down';
}

/** Rising candles are hollow and falling ones filled: they differ also where the two colours are one, or look alike. */
export function candleStyle({ up, down }: Colours) {
  return {
    borderVisible: true,
    upColor: 'transparent',
    downColor: down,
    borderUpColor: up,
    borderDownColor: down,
    wickUpColor: up,
    wickDownColor: down,
  } as const satisfies Partial<CandlestickStyleOptions>;
}

/** What is drawn below the candles: their own volumes where any is known, else the rolling ones of 24 h, else nothing. */
export type VolumeKind = 'interval' | 'rolling' | 'none';

export function volumeKind(candles: readonly Candle[]): VolumeKind {
  if (candles.some(({ v }) => v !== null)) return 'interval';
  return candles.some(({ v24 }) => v24 !== null) ? 'rolling' : 'none';
}

/** So many of a hundred candles without any extent, and a line shows them better: one price a second is no candle. */
const MOSTLY = 0.6;

export function areMostlyFlat(candles: readonly Candle[]): boolean {
  return candles.filter(({ h, l }) => h === l).length > candles.length * MOSTLY;
}

export function close({ t, c }: Candle, axis: Axis): LineData<UTCTimestamp> {
  return { time: axis.seconds(t) as UTCTimestamp, value: Number(c) };
}

export function bar({ t, o, h, l, c }: Candle, axis: Axis): CandlestickData<UTCTimestamp> {
  return { time: axis.seconds(t) as UTCTimestamp, open: Number(o), high: Number(h), low: Number(l), close: Number(c) };
}

export function column(candle: Candle, axis: Axis, colours: Colours): HistogramData<UTCTimestamp> | WhitespaceData<UTCTimestamp> {
  const time = axis.seconds(candle.t) as UTCTimestamp;
  return candle.v === null ? { time } : { time, value: Number(candle.v), color: colours[directionOf(candle)] };
}

export function point({ t, v24 }: Candle, axis: Axis): LineData<UTCTimestamp> | WhitespaceData<UTCTimestamp> {
  const time = axis.seconds(t) as UTCTimestamp;
  return v24 === null ? { time } : { time, value: Number(v24) };
}
