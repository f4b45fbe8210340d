import { expect, test } from 'vitest';

import { pathOf } from './sparklines.svelte';

test('a line goes from the left edge to the right, the highest value on top', () => {
  expect(pathOf([1, 3, 2], 100, 20)).toBe('M0 20L50 0L100 10');
});

test('a price that stood still is a line in the middle', () => {
  expect(pathOf([5, 5], 100, 20)).toBe('M0 10L100 10');
});

test('one point is no line', () => {
  expect(pathOf([5], 100, 20)).toBe('');
  expect(pathOf([], 100, 20)).toBe('');
});
