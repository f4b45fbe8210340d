import { render } from 'svelte/server';
import { expect, test } from 'vitest';

import { Axis } from '../lib/axis';
import { locale } from '../lib/i18n.svelte';
import type { Num } from '../lib/json';
import type { Candle } from './candles';
import type { VolumeKind } from './drawing';
import Legend from './Legend.svelte';

const num = (text: string): Num => text as Num;
const CANDLE = { t: 0, o: num('100'), h: num('110'), l: num('90'), c: num('105'), v: num('3.5'), v24: num('900'), n: num('8918'), vwap: num('101.239999999999999999') };

function words(candle: Candle, kind: VolumeKind): string {
  locale.language = 'en';
  const { body } = render(Legend, { props: { candle, axis: new Axis('1m', 0), places: 2, kind } });
  return body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim();
}

test('a candle of the exchange has its volume, its trades and their average price', () => {
  expect(words(CANDLE, 'interval')).toMatch(/Volume 3\.5 Trades 8,918 VWAP 101\.24$/);
});

test('what is not known of a candle is no 0, and all candles of a chart name the same', () => {
  expect(words({ ...CANDLE, v: null, n: null, vwap: null }, 'interval')).toMatch(/Volume — Trades — VWAP —$/);
  expect(words(CANDLE, 'rolling')).toMatch(/24 h volume 900$/);
});
