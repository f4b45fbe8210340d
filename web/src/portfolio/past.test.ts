import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ApiError } from '../api/errors';
import { text } from '../lib/decimal';
import type { Holding } from '../live/portfolio.svelte';
import { fetchPast } from './past';

const get = vi.hoisted(() => vi.fn());
vi.mock('../api/client', () => ({ get }));
vi.mock('../live/socket', () => ({ LiveSocket: class {} }));

const NOW = Date.UTC(2026, 0, 2);
const holdings = ['btcusdt', 'ethusdt'].map((symbol) => ({ symbol, quantity: '2' }) as Holding);
const candles = (...pairs: (readonly [number, string])[]) => ({ candles: pairs.map(([t, c]) => ({ t: String(t), c })) });
const signal = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  get.mockReset();
});
afterEach(() => {
  vi.useRealTimers();
});

test('every coin’s candles of the range are asked for, and added up', async () => {
  const start = NOW - 3_600_000;
  get.mockResolvedValue(candles([start, '1.5'], [start + 60_000, '2']));
  const past = await fetchPast(holdings, '1h', signal);
  expect(get.mock.calls.map(([, { path, query }]) => [path.symbol, query.interval, query.from])).toEqual([
    ['btcusdt', '1m', String(start)],
    ['ethusdt', '1m', String(start)],
  ]);
  expect(past.state === 'known' && past.points.map(({ value }) => text(value))).toEqual(['6.0', '8']);
  expect(past.state === 'known' && past.complete).toBe(true);
});

test('a curve of some of the coins is none', async () => {
  get.mockResolvedValueOnce(candles([NOW, '1'])).mockRejectedValueOnce(new ApiError('history_unavailable', 503, ''));
  expect(await fetchPast(holdings, '24h', signal)).toEqual({ state: 'failed' });
});

test('whoever asks too much waits as long as the market says', async () => {
  get.mockRejectedValueOnce(new ApiError('too_many_requests', 429, '', [], 5)).mockResolvedValue(candles([NOW, '1']));
  const fetching = fetchPast(holdings, '24h', signal);
  await vi.advanceTimersByTimeAsync(4_999);
  expect(get).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(1);
  expect((await fetching).state).toBe('known');
});

test('a market that always says so is given up', async () => {
  get.mockRejectedValue(new ApiError('too_many_requests', 429, '', [], 5));
  const fetching = fetchPast(holdings, '24h', signal);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(await fetching).toEqual({ state: 'failed' });
});

test('nobody waits for what is not wanted any more', async () => {
  const controller = new AbortController();
  get.mockRejectedValue(new ApiError('too_many_requests', 429, '', [], 5));
  const fetching = fetchPast(holdings, '24h', controller.signal);
  const refused = expect(fetching).rejects.toThrow();
  await vi.advanceTimersByTimeAsync(0);
  controller.abort();
  await refused;
});
