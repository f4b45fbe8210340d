import { expect, test } from 'vitest';

import { text } from '../lib/decimal';
import type { Num } from '../lib/json';
import { converted, intervalOf, over, valueOverTime, type Close } from './history';

const closes = (...pairs: (readonly [number, string])[]): readonly Close[] => pairs.map(([t, c]) => ({ t, c: c as Num }));
const coin = (quantity: string, ...pairs: (readonly [number, string])[]) => ({ quantity: quantity as Num, closes: closes(...pairs) });
const shown = (points: ReturnType<typeof valueOverTime>) => points.map(({ time, value }) => [time, text(value)]);

test('the values of all coins are added up, exactly', () => {
  const points = valueOverTime([coin('0.1', [1, '3'], [2, '6']), coin('2', [1, '0.05'], [2, '0.10'])]);
  expect(shown(points)).toEqual([
    [1, '0.40'],
    [2, '0.80'],
  ]);
});

test('a coin that was not traded keeps its last close', () => {
  const points = valueOverTime([coin('1', [1, '10'], [3, '12']), coin('1', [1, '1'], [2, '2'], [3, '3'])]);
  expect(shown(points)).toEqual([
    [1, '11'],
    [2, '12'],
    [3, '15'],
  ]);
});

test('the curve begins where every coin has a price, with what they had then', () => {
  const points = valueOverTime([coin('1', [1, '10'], [2, '11']), coin('1', [3, '5'], [4, '6'])]);
  expect(shown(points)).toEqual([
    [3, '16'],
    [4, '17'],
  ]);
});

test('without coins there is no curve', () => {
  expect(valueOverTime([])).toEqual([]);
});

test('a range begins with the close that held there, and ends with the last', () => {
  expect(over(closes([1, '10'], [7, '11'], [12, '12']), 10, 20)).toEqual(closes([10, '11'], [12, '12'], [20, '12']));
  expect(over(closes([7, '11']), 10, 20)).toEqual(closes([10, '11'], [20, '11']));
});

test('a range that has closes at its ends keeps them', () => {
  expect(over(closes([9, '1'], [10, '2'], [20, '3']), 10, 20)).toEqual(closes([10, '2'], [20, '3']));
});

test('what was never traded before begins with its first close, and what was never traded at all has none', () => {
  expect(over(closes([13, '5']), 10, 20)).toEqual(closes([13, '5'], [20, '5']));
  expect(over([], 10, 20)).toEqual([]);
});

test('closes are converted along several pairs with one rounding', () => {
  const legs = [
    { closes: closes([1, '3'], [2, '7']), backwards: true },
    { closes: closes([1, '3']), backwards: false },
  ];
  expect(converted(closes([1, '0.1']), legs)).toEqual(closes([1, `0.1${'0'.repeat(29)}`], [2, '0.042857142857142857142857142857']));
  expect(converted(closes([1, '0.10']), [])).toEqual(closes([1, '0.10']));
  expect(converted(closes([1, '1']), [{ closes: [], backwards: false }])).toEqual([]);
  expect(converted(closes([1, '1']), [{ closes: closes([1, '0']), backwards: true }])).toEqual([]);
});

test('a day comes in minutes only for a few coins', () => {
  expect([intervalOf('24h', 8), intervalOf('24h', 9), intervalOf('1h', 50), intervalOf('1y', 1)]).toEqual(['1m', '1h', '1m', '1d']);
});
