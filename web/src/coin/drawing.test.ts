import { expect, test } from 'vitest';

import { Axis } from '../lib/axis';
import type { Num } from '../lib/json';
import type { Candle } from './candles';
import { areMostlyFlat, bar, candleStyle, close, column, directionOf, point, volumeKind } from './drawing';

const num = (text: string): Num => text as Num;
const axis = new Axis('1d', 0);

function candle(more: Partial<Candle> = {}): Candle {
  return { t: 60_000, o: num('1'), h: num('2'), l: num('0.5'), c: num('1.5'), v: null, v24: null, n: null, vwap: null, ...more };
}
const flat = candle({ o: num('1'), h: num('1'), l: num('1'), c: num('1') });

test('a candle is drawn where its figures are', () => {
  expect(bar(candle(), axis)).toEqual({ time: 60, open: 1, high: 2, low: 0.5, close: 1.5 });
  expect(close(candle(), axis)).toEqual({ time: 60, value: 1.5 });
});

test('a rising candle is hollow and a falling one filled, also where both have one colour', () => {
  expect(candleStyle({ up: 'text', down: 'text' })).toMatchObject({ borderVisible: true, upColor: 'transparent', downColor: 'text', borderUpColor: 'text' });
  expect([candle(), candle({ c: num('1') }), candle({ c: num('0.7') })].map(directionOf)).toEqual(['up', 'up', 'down']);
});

test('volumes are those of the interval where any is known, else the rolling ones', () => {
  expect(volumeKind([candle(), candle({ v: num('1'), v24: num('9') })])).toBe('interval');
  expect(volumeKind([candle(), candle({ v24: num('9') })])).toBe('rolling');
  expect(volumeKind([candle()])).toBe('none');
});

test('a volume that is not known is a gap, not a zero', () => {
  const colours = { up: 'green', down: 'red' };
  expect(column(candle(), axis, colours)).toEqual({ time: 60 });
  expect(column(candle({ v: num('7') }), axis, colours)).toEqual({ time: 60, value: 7, color: 'green' });
  expect(column(candle({ v: num('7'), c: num('0.7') }), axis, colours)).toMatchObject({ color: 'red' });
  expect(point(candle(), axis)).toEqual({ time: 60 });
  expect(point(candle({ v24: num('8') }), axis)).toEqual({ time: 60, value: 8 });
});

test('one price a second is a line, what moves within its time is candles', () => {
  expect(areMostlyFlat([flat, flat, flat, candle()])).toBe(true);
  expect(areMostlyFlat([flat, candle(), candle()])).toBe(false);
  expect(areMostlyFlat([])).toBe(false);
});
