/** The hours of one coin of which trades are missing: asked for now and then while the page is visible. Without an answer, none. */
import { get } from '../api/client';
import { ApiError } from '../api/errors';
import type { CoverageHour } from '../api/types';
import { clock } from '../lib/clock.svelte';
import { poll } from '../lib/poll';
import { rangeUntil } from './holes';

const EVERY_MS = 60_000;

export class Coverage {
  hours: readonly CoverageHour[] = $state.raw([]);

  constructor(readonly symbol: string) {}

  /** Keep asking until the returned function is called. */
  watch(): () => void {
    const polled = poll({
      everyMs: EVERY_MS,
      ask: async (signal) => {
        const { from, to } = rangeUntil(clock.read());
        const query = { from: String(from), to: String(to), missing: true };
        const { hours } = await get('/v1/market/coverage/{symbol}', { path: { symbol: this.symbol }, query, signal });
        if (JSON.stringify(hours) !== JSON.stringify(this.hours)) this.hours = hours;
      },
      outcome: (error) => {
        if (error instanceof ApiError && error.status === 404) polled.stop();
      },
    });
    return polled.stop;
  }
}
