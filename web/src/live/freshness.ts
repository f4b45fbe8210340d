/** How far one coin's price can be relied on, by its own age: the newest price of all does not vouch for it. */
import type { Trust } from './portfolio.svelte';

/** `quiet`: the market moves, this price does not. `stale`: the market may have moved without it. */
export type Freshness = 'live' | 'quiet' | 'stale';

export const QUIET_AFTER_MS = 60_000;
export const STALE_AFTER_MS = 15 * 60_000;

export function freshnessOf(ageMs: number, trust: Trust): Freshness {
  if (trust !== 'live' || ageMs > STALE_AFTER_MS) return 'stale';
  return ageMs > QUIET_AFTER_MS ? 'quiet' : 'live';
}
