import { expect, test } from 'vitest';

import { freshnessOf, QUIET_AFTER_MS, STALE_AFTER_MS } from './freshness';

test('a price is live, then quiet, then stale, by its own age', () => {
  const ages = [0, QUIET_AFTER_MS, QUIET_AFTER_MS + 1, STALE_AFTER_MS, STALE_AFTER_MS + 1];
  expect(ages.map((ageMs) => freshnessOf(ageMs, 'live'))).toEqual(['live', 'live', 'quiet', 'quiet', 'stale']);
});

test('without a connection, or while no price moves, none is live', () => {
  for (const trust of ['stale', 'reconnecting', 'offline', 'connecting', 'unpriced'] as const) expect(freshnessOf(0, trust)).toBe('stale');
});
