import { expect, test } from 'vitest';

import { bucketOf, candlesIn, INTERVALS, LOOSE, RANGES, spanOfInterval, spanOfRange } from './ranges';

test('each range has a readable number of candles: neither a handful nor a blur', () => {
  expect(Object.fromEntries(RANGES.map((range) => [range, spanOfRange(range).interval]))).toEqual({
    '1h': '1m',
    '1d': '1m',
    '1w': '1h',
    '1m': '1h',
    '1y': '1d',
    all: '1d',
  });
  for (const range of RANGES.filter((one) => one !== 'all')) {
    expect(candlesIn(spanOfRange(range))).toBeGreaterThanOrEqual(60);
    expect(candlesIn(spanOfRange(range))).toBeLessThanOrEqual(1440);
  }
});

test('another interval keeps the range where it makes sense', () => {
  expect(spanOfInterval('1s', spanOfRange('1h'))).toEqual({ interval: '1s', range: '1h' });
  expect(spanOfInterval('1h', spanOfRange('1d'))).toEqual({ interval: '1h', range: '1d' });
  expect(spanOfInterval('1d', spanOfRange('1m'))).toEqual({ interval: '1d', range: '1m' });
  expect(spanOfInterval('1d', spanOfRange('all'))).toEqual({ interval: '1d', range: 'all' });
});

test('where it makes none, the newest candles are shown', () => {
  expect(spanOfInterval('1s', spanOfRange('1y'))).toEqual({ interval: '1s', range: null });
  expect(spanOfInterval('1d', spanOfRange('1h'))).toEqual({ interval: '1d', range: null });
  expect(spanOfInterval('1m', spanOfRange('all'))).toEqual({ interval: '1m', range: null });
  for (const interval of INTERVALS) expect(candlesIn({ interval, range: null })).toBe(LOOSE);
});

test('a time belongs to the candle that begins at or before it', () => {
  expect(bucketOf(1_767_225_659_999, '1m')).toBe(1_767_225_600_000);
  expect(bucketOf(1_767_225_600_000, '1m')).toBe(1_767_225_600_000);
  expect(bucketOf(1_767_225_600_123, '1s')).toBe(1_767_225_600_000);
  expect(bucketOf(1_767_300_000_000, '1d')).toBe(1_767_225_600_000);
});
