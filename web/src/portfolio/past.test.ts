import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ApiError } from '../api/errors';
import { text } from '../lib/decimal';
import type { Holding } from '../live/portfolio.svelte';
import type { Range } from './history';
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

const START = NOW - 3_600_000;
const MINUTE = 60_000;

async function known(range: Range) {
  const past = await fetchPast(holdings, range, signal);
  if (past.state !== 'known') throw new Error(past.state);
  return { ...past, shown: past.points.map(({ time, value }) => [(time - START) / MINUTE, text(value)]) };
}

test('every coin’s candles of the range, and the one before, are asked for and added up', async () => {
  get.mockResolvedValue(candles([START, '1.5'], [START + MINUTE, '2']));
  const { shown, complete } = await known('1h');
  expect(get.mock.calls.map(([, { path, query }]) => [path.symbol, query])).toEqual([
    ['btcusdt', { interval: '1m', limit: 62 }],
    ['ethusdt', { interval: '1m', limit: 62 }],
  ]);
  expect(shown).toEqual([[0, '6.0'], [1, '8'], [60, '8']]);
  expect(complete).toBe(true);
});

test('a coin that was last traded before the range has the price of then', async () => {
  get.mockResolvedValueOnce(candles([START, '1'], [NOW, '2'])).mockResolvedValueOnce(candles([START - 600 * MINUTE, '9'], [START - 500 * MINUTE, '10']));
  const { shown, complete, symbols } = await known('1h');
  expect(shown).toEqual([[0, '22'], [60, '24']]);
  expect([complete, ...symbols]).toEqual([true, 'btcusdt', 'ethusdt']);
});

test('a coin that was traded again late in the range does not cut what was before', async () => {
  get.mockResolvedValueOnce(candles([START, '1'], [NOW, '2'])).mockResolvedValueOnce(candles([START - MINUTE, '10'], [START + 40 * MINUTE, '11']));
  const { shown, complete } = await known('1h');
  expect(shown).toEqual([[0, '22'], [40, '24'], [60, '26']]);
  expect(complete).toBe(true);
});

test('a coin without any price on record is left out, and named', async () => {
  get.mockResolvedValueOnce(candles([START, '1'])).mockResolvedValueOnce(candles());
  const { shown, symbols, missing } = await known('1h');
  expect(shown).toEqual([[0, '2'], [60, '2']]);
  expect([[...symbols], missing]).toEqual([['btcusdt'], ['ethusdt']]);
});

test('a coin that the market does not know any more is left out, too', async () => {
  get.mockResolvedValueOnce(candles([START, '1'])).mockRejectedValueOnce(new ApiError('unknown_symbol', 404, ''));
  expect((await known('1h')).missing).toEqual(['ethusdt']);
});

test('where a coin began in the range, the curve does, and says so', async () => {
  get.mockResolvedValueOnce(candles([START, '1'])).mockResolvedValueOnce(candles([START + 40 * MINUTE, '1']));
  const { shown, complete } = await known('1h');
  expect(shown).toEqual([[40, '4'], [60, '4']]);
  expect(complete).toBe(false);
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
