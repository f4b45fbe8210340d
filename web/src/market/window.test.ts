import { expect, test } from 'vitest';

import { indices, scrollTo, sliceOf } from './window';

const ROW = 50;

test('every row that is seen is in the slice, wherever the list is scrolled to', () => {
  for (let top = -2000; top < 160_000; top += 237) {
    const { first, end } = sliceOf({ top, height: 800 }, ROW, 3000);
    const seenFrom = Math.max(0, Math.floor(top / ROW));
    const seenTo = Math.min(3000, Math.ceil((top + 800) / ROW));
    if (seenFrom < seenTo) {
      expect(first).toBeLessThanOrEqual(seenFrom);
      expect(end).toBeGreaterThanOrEqual(seenTo);
    }
    expect(first).toBeGreaterThanOrEqual(0);
    expect(end).toBeLessThanOrEqual(3000);
  }
});

test('of three thousand rows few are in the document', () => {
  const { first, end } = sliceOf({ top: 60_000, height: 900 }, ROW, 3000);
  expect(end - first).toBeLessThanOrEqual(900 / ROW + 2 * 8 + 2 * 4);
});

test('scrolling by one row mostly changes nothing', () => {
  const slices = Array.from({ length: 40 }, (_, row) => JSON.stringify(sliceOf({ top: 10_000 + row * ROW, height: 800 }, ROW, 3000)));
  expect(new Set(slices).size).toBeLessThanOrEqual(21);
});

test('a list that is shorter than the screen, or empty, is shown whole', () => {
  expect(sliceOf({ top: -300, height: 900 }, ROW, 3)).toEqual({ first: 0, end: 3 });
  expect(sliceOf({ top: -300, height: 900 }, ROW, 0)).toEqual({ first: 0, end: 0 });
});

test('a list that became shorter than where it was scrolled to shows its end, not nothing out of bounds', () => {
  expect(sliceOf({ top: 90_000, height: 900 }, ROW, 20)).toEqual({ first: 20, end: 20 });
});

test('the row with the focus stays, in its place', () => {
  expect(indices({ first: 10, end: 13 }, 2, 100)).toEqual([2, 10, 11, 12]);
  expect(indices({ first: 10, end: 13 }, 90, 100)).toEqual([10, 11, 12, 90]);
  expect(indices({ first: 10, end: 13 }, 11, 100)).toEqual([10, 11, 12]);
  expect(indices({ first: 10, end: 13 }, -1, 100)).toEqual([10, 11, 12]);
  expect(indices({ first: 0, end: 3 }, 7, 3)).toEqual([0, 1, 2]);
});

test('a row that the head or the edge covers is scrolled to, one that is seen is not', () => {
  const viewport = { top: 1000, height: 500 };
  expect(scrollTo(22, ROW, viewport, 80)).toBe(0);
  expect(scrollTo(21, ROW, viewport, 80)).toBe(-30);
  expect(scrollTo(30, ROW, viewport, 80)).toBe(50);
});
