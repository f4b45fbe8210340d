import { expect, test } from 'vitest';

import { text } from '../lib/decimal';
import type { Num } from '../lib/json';
import { intervalOf, valueOverTime, type Close } from './history';

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

test('coins without history are left out, and without any there is no curve', () => {
  expect(shown(valueOverTime([coin('1', [1, '10']), coin('5')]))).toEqual([[1, '10']]);
  expect(valueOverTime([coin('5')])).toEqual([]);
});

test('a day comes in minutes only for a few coins', () => {
  expect([intervalOf('24h', 8), intervalOf('24h', 9), intervalOf('1h', 50), intervalOf('1y', 1)]).toEqual(['1m', '1h', '1m', '1d']);
});
