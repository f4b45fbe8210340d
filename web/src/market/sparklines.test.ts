import { expect, test } from 'vitest';

import { pathOf, shapeOf, type Line } from './sparklines.svelte';

const HOUR = 3_600_000;
const NOW = 100 * HOUR;

test('a line goes from the left edge to the right by time, the highest value on top', () => {
  expect(pathOf([[0, 1], [10, 3], [40, 2]], 100, 20)).toBe('M0 20L25 0L100 10');
});

test('a price that stood still is a line in the middle', () => {
  expect(pathOf([[0, 5], [1, 5]], 100, 20)).toBe('M0 10L100 10');
});

test('one point is no line', () => {
  expect(pathOf([[0, 5]], 100, 20)).toBe('');
  expect(pathOf([], 100, 20)).toBe('');
});

test('the ends are the prices of the change beside it, for any candles between', () => {
  const closes: Line = [[NOW - 25 * HOUR, 1], [NOW - 23.5 * HOUR, 90], [NOW - HOUR, 80], [NOW + 0.5 * HOUR, 70]];
  expect(shapeOf(closes, 100, 95, NOW)).toEqual([[NOW - 24 * HOUR, 100], [NOW - 23.5 * HOUR, 90], [NOW - HOUR, 80], [NOW, 95]]);
  expect(shapeOf(closes, null, 95, NOW)[0]).toEqual([NOW - 23.5 * HOUR, 90]);
  expect(shapeOf([], 100, 95, NOW)).toEqual([]);
});
