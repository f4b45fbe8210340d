import { expect, test } from 'vitest';

import type { Num } from '../lib/json';
import { candleOf, extremes, merged, prepended, ticked, type Candle } from './candles';

const num = (text: string): Num => text as Num;

function candle(t: number, c = '1', more: Partial<Candle> = {}): Candle {
  return { t, o: num('1'), h: num('2'), l: num('0.5'), c: num(c), v: null, v24: null, n: null, vwap: null, ...more };
}
const times = (candles: readonly Candle[]): readonly number[] => candles.map(({ t }) => t);

test('figures of an answer stay text', () => {
  const received = { t: '60000', o: '1.10', h: '2', l: '1', c: '68123.45000000000000001', v: null, q: null, v24: '5', q24: null, n: '7', vwap: '68123.45' } as never;
  expect(candleOf(received)).toEqual({ t: 60_000, o: '1.10', h: '2', l: '1', c: '68123.45000000000000001', v: null, v24: '5', n: '7', vwap: '68123.45' });
});

test('an older page goes before what is known, and never over it', () => {
  const both = prepended([candle(1), candle(2), candle(3, '9')], [candle(3, '7'), candle(4)]);
  expect(times(both)).toEqual([1, 2, 3, 4]);
  expect(both[2]?.c).toBe('7');
  expect(times(prepended([], [candle(3)]))).toEqual([3]);
  expect(times(prepended([candle(1)], []))).toEqual([1]);
});

test('newer candles replace those of their time, fill gaps, and follow', () => {
  const both = merged([candle(1), candle(2), candle(4, '4')], [candle(2, '22'), candle(3), candle(5)]);
  expect(times(both)).toEqual([1, 2, 3, 4, 5]);
  expect(both.map(({ c }) => c)).toEqual(['1', '22', '1', '4', '1']);
});

test('merging is the same however often it is repeated', () => {
  const known = [candle(1), candle(2), candle(3)];
  const newer = [candle(2, '5'), candle(4)];
  const once = merged(known, newer);
  expect(merged(once, newer)).toEqual(once);
  expect(merged(known, [])).toEqual(known);
});

test('a price widens the last candle exactly', () => {
  const last = candle(60, '1', { h: num('1.10'), l: num('0.9') });
  expect(ticked(last, 60, num('1.05'))).toMatchObject({ h: '1.10', l: '0.9', c: '1.05', o: '1' });
  expect(ticked(last, 60, num('1.2'))).toMatchObject({ h: '1.2', l: '0.9', c: '1.2' });
  expect(ticked(last, 60, num('0.8'))).toMatchObject({ h: '1.10', l: '0.8', c: '0.8' });
});

test('figures that are equal as floats are still compared', () => {
  const last = candle(60, '1', { h: num('68123.45000000000000001'), l: num('1') });
  expect(ticked(last, 60, num('68123.45000000000000002'))?.h).toBe('68123.45000000000000002');
  expect(ticked(last, 60, num('68123.45'))?.h).toBe('68123.45000000000000001');
});

test('the next bucket begins with its first price; an older price begins nothing', () => {
  expect(ticked(candle(60), 120, num('3'))).toEqual({ t: 120, o: '3', h: '3', l: '3', c: '3', v: null, v24: null, n: null, vwap: null });
  expect(ticked(undefined, 120, num('3'))?.t).toBe(120);
  expect(ticked(candle(60), 0, num('3'))).toBeNull();
});

test('the volume of a back-filled candle does not survive in what a price begins', () => {
  expect(ticked(candle(60, '1', { v: num('5') }), 60, num('1'))?.v).toBe('5');
  expect(ticked(candle(60, '1', { v: num('5') }), 120, num('1'))?.v).toBeNull();
});

test('the extremes are those of all', () => {
  expect(extremes([candle(1), candle(2, '1', { h: num('7') }), candle(3, '1', { l: num('0.1') })])).toEqual({ high: '7', low: '0.1' });
  expect(extremes([])).toBeNull();
});
