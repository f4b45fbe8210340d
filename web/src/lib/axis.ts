/**
 * Times on the chart's axis. The library takes seconds that ascend and shows them as if they were of UTC.
 *
 * Days are the exchange's, which are UTC's. Everything shorter is moved by this device's offset of now, the same for all:
 * the true offset changes twice a year, and in autumn times would run backwards. What is read at the crosshair is right all year.
 */
import { locale } from './i18n.svelte';

/** How long a candle is. */
export type Interval = '1s' | '1m' | '1h' | '1d';

export class Axis {
  readonly #shiftMs: number;

  constructor(
    readonly interval: Interval,
    nowMs: number,
  ) {
    this.#shiftMs = interval === '1d' ? 0 : -new Date(nowMs).getTimezoneOffset() * 60_000;
  }

  seconds(ms: number): number {
    return (ms + this.#shiftMs) / 1000;
  }

  ms(seconds: number): number {
    return seconds * 1000 - this.#shiftMs;
  }

  /** A candle's time as a person reads it. */
  label(ms: number): string {
    const { interval } = this;
    const day = { day: 'numeric', month: 'short', year: 'numeric' } as const;
    const minute = { hour: '2-digit', minute: '2-digit' } as const;
    return new Intl.DateTimeFormat(locale.tag, {
      ...day,
      ...(interval === '1d' ? { timeZone: 'UTC' } : minute),
      ...(interval === '1s' ? { second: '2-digit' } : {}),
    }).format(ms);
  }
}
