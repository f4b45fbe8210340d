import { render } from 'svelte/server';
import { beforeEach, expect, test, vi } from 'vitest';

import type { CoverageHour } from '../api/types';
import { text } from '../lib/decimal';
import { locale } from '../lib/i18n.svelte';
import type { Num } from '../lib/json';
import type { Candle } from './candles';
import Holes from './Holes.svelte';
import { holesOf, rangeUntil, startOf, unitOf, within, type Hole, type HoleUnit } from './holes';

const HOUR = 3_600_000;
const DAY = Date.UTC(2026, 0, 2);
const hour = (at: number, missing: number, reason: string | null) => ({ t: String(DAY + at * HOUR), missing: String(missing), reason }) as CoverageHour;
const candle = (at: number): Candle => ({ t: DAY + at * HOUR, o: '1' as Num, h: '1' as Num, l: '1' as Num, c: '1' as Num, v: null, v24: null, n: null, vwap: null });
const HOURS = [hour(1, 1234, 'exchange_lacks'), hour(2, 0, null), hour(3, 5, 'pending,too_long'), hour(26, 1, 'pending')];
const plain = (holes: Iterable<Hole>) => [...holes].map(({ t, missing, reasons }) => [(t - DAY) / HOUR, text(missing), reasons.join()]);

function words(holes: readonly Hole[], pointed: Hole | null = null, unit: HoleUnit = '1h'): string {
  return render(Holes, { props: { holes, pointed, unit } }).body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim();
}

beforeEach(() => {
  locale.language = 'en';
  vi.stubEnv('TZ', 'UTC');
});

test('hours of which nothing is missing are no holes; days are the sum of their hours', () => {
  expect(plain(holesOf(HOURS, '1h').values())).toEqual([[1, '1234', 'exchange_lacks'], [3, '5', 'pending,too_long'], [26, '1', 'pending']]);
  expect(plain(holesOf(HOURS, '1d').values())).toEqual([[0, '1239', 'exchange_lacks,pending,too_long'], [24, '1', 'pending']]);
});

test('each candle is in the hour, or the day, in which it begins', () => {
  expect(['1s', '1m', '1h', '1d'].map((interval) => unitOf(interval as '1s'))).toEqual(['1h', '1h', '1h', '1d']);
  expect(startOf(DAY + HOUR + 59 * 60_000, '1h')).toBe(DAY + HOUR);
  expect(startOf(DAY + 23 * HOUR, '1d')).toBe(DAY);
});

test('only holes that the candles reach over are named, the newest first', () => {
  const holes = holesOf(HOURS, '1h');
  expect(plain(within(holes, [candle(1.5), candle(20)], '1h'))).toEqual([[3, '5', 'pending,too_long'], [1, '1234', 'exchange_lacks']]);
  expect(within(holes, [candle(2), candle(2.9)], '1h')).toEqual([]);
  expect(within(holes, [], '1h')).toEqual([]);
});

test('one hour is named with its number and the reason, in both languages', () => {
  const [first] = holesOf(HOURS, '1h').values();
  expect(words([first as Hole])).toBe('Jan 2, 2026, 1:00 AM: 1,234 trades of this hour are missing: the exchange does not have them.');
  locale.language = 'ru';
  expect(words([first as Hole])).toMatch(/2026.*1:00: за этот час не хватает 1\s234 сделок: на бирже их нет\.$/);
});

test('several are counted, and each can be read; the one under the crosshair takes the place of the count', () => {
  const all = [...holesOf(HOURS, '1h').values()];
  expect(words(all)).toMatch(/^Trades are missing in 3 hours of this chart: 1,240 in all\. Which ones, and why Jan 2/);
  expect(words(all)).toContain('3:00 AM: 5 trades of this hour are missing: they are still to be fetched from the exchange, the gap is too long to be fetched.');
  expect(words(all)).toContain('1 trade of this hour is missing');
  expect(words(all, all[2])).toMatch(/^Jan 3, 2026, 2:00 AM: 1 trade of this hour is missing/);
  expect(words([...holesOf(HOURS, '1d').values()], null, '1d')).toMatch(/^Trades are missing in 2 days/);
});

test('a reason without words is shown as it is; where nothing is missing, nothing is', () => {
  expect(words([...holesOf([hour(1, 2, 'eaten')], '1h').values()])).toContain('are missing: eaten.');
  expect(words([])).toBe('');
});

test('coverage is asked for in whole hours, as far back as one answer reaches: the same for a whole hour', () => {
  const { from, to } = rangeUntil(DAY + 1);
  expect([to, to - from]).toEqual([DAY + HOUR, 10_000 * HOUR]);
  expect(rangeUntil(DAY + HOUR - 1)).toEqual({ from, to });
});
