import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { Axis } from './axis';
import { locale } from './i18n.svelte';

beforeAll(() => {
  vi.stubEnv('TZ', 'Europe/Berlin');
  locale.language = 'en';
});
afterAll(() => {
  vi.unstubAllEnvs();
});

const SUMMER = Date.UTC(2026, 6, 1);

test('hours are this device’s, days the exchange’s', () => {
  const noon = Date.UTC(2026, 6, 1, 12);
  expect(new Axis('1m', SUMMER).seconds(noon)).toBe(Date.UTC(2026, 6, 1, 14) / 1000);
  expect(new Axis('1d', SUMMER).seconds(Date.UTC(2026, 6, 1))).toBe(Date.UTC(2026, 6, 1) / 1000);
  expect(new Axis('1d', SUMMER).label(Date.UTC(2026, 6, 1))).toBe('Jul 1, 2026');
});

test('times ascend also where the clock is set back, or the chart would refuse them', () => {
  const axis = new Axis('1m', SUMMER);
  const end = Date.UTC(2026, 9, 25, 1); // 3:00 becomes 2:00 in Berlin
  const seconds = Array.from({ length: 240 }, (_, minute) => axis.seconds(end - 7_200_000 + minute * 60_000));
  expect(seconds.every((second, index) => index === 0 || second - (seconds[index - 1] ?? 0) === 60)).toBe(true);
});

test('what is read at the crosshair is the true local time, in winter too', () => {
  const axis = new Axis('1m', SUMMER);
  const winter = Date.UTC(2026, 0, 15, 12);
  expect(axis.ms(axis.seconds(winter))).toBe(winter);
  expect(axis.label(winter)).toBe('Jan 15, 2026, 01:00 PM');
});
