import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ApiError } from '../api/errors';
import type { Num } from '../lib/json';
import { CandleHistory, MOST } from './history.svelte';
import { spanOfRange, type Span } from './ranges';

const get = vi.hoisted(() => vi.fn());
vi.mock('../api/client', () => ({ get }));

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
const MINUTE = 60_000;
const START = 1_767_225_600_000;
const num = (value: number | string): Num => String(value) as Num;

let history: CandleHistory;

beforeEach(() => {
  vi.useFakeTimers({ now: START + 10 * MINUTE });
  vi.stubGlobal('document', page);
  vi.stubGlobal('addEventListener', () => undefined);
  get.mockReset();
});
afterEach(() => {
  history.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function answer(minutes: readonly number[], more: { previous?: number; next?: number; close?: string } = {}) {
  const candles = minutes.map((minute) => ({
    t: num(START + minute * MINUTE),
    o: num(100),
    h: num(110),
    l: num(90),
    c: num(more.close ?? 105),
    v: null,
    v24: num(7),
    n: null,
    vwap: null,
  }));
  const page = (time: number | undefined): Num | null => (time === undefined ? null : num(time));
  return Promise.resolve({ candles, previous: page(more.previous), next: page(more.next) });
}

async function opened(span: Span = spanOfRange('1h')): Promise<void> {
  history = new CandleHistory('btcusdt', span);
  await vi.advanceTimersByTimeAsync(0);
}

const minutes = (): readonly number[] => history.candles.map(({ t }) => (t - START) / MINUTE);
const query = (call: number): Record<string, unknown> => (get.mock.calls[call]?.[1] as { query: Record<string, unknown> }).query;

test('the newest candles are shown, and read again from the last that was whole', async () => {
  get.mockReturnValueOnce(answer([0, 1, 2]));
  await opened();
  expect(history.state).toBe('known');
  expect(minutes()).toEqual([0, 1, 2]);
  get.mockReturnValueOnce(answer([1, 2, 3], { close: '106' }));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(query(1)).toMatchObject({ interval: '1m', from: String(START + MINUTE) });
  expect(minutes()).toEqual([0, 1, 2, 3]);
  expect(history.tip?.c).toBe('106');
});

test('the last candle follows the price, and the next begins by itself', async () => {
  get.mockReturnValueOnce(answer([0, 1]));
  await opened();
  history.price(num('111.5'), START + MINUTE + 1000);
  expect(history.tip).toMatchObject({ t: START + MINUTE, h: '111.5', c: '111.5' });
  history.price(num('112'), START + 2 * MINUTE);
  expect(minutes()).toEqual([0, 1, 2]);
  expect(history.tip).toMatchObject({ o: '112', h: '112', l: '112', c: '112' });
});

test('a page that does not know the newest price yet does not take it back', async () => {
  get.mockReturnValueOnce(answer([0, 1]));
  await opened();
  history.price(num('111.5'), START + MINUTE + 1000);
  get.mockReturnValueOnce(answer([0, 1]));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(history.tip).toMatchObject({ h: '111.5', c: '111.5' });
});

test('older pages come on demand, one at a time, until there is nothing before', async () => {
  get.mockReturnValueOnce(answer([5, 6], { previous: START + 5 * MINUTE }));
  await opened();
  get.mockReturnValueOnce(answer([3, 4]));
  await Promise.all([history.older(), history.older()]);
  expect(query(1)).toMatchObject({ to: String(START + 5 * MINUTE) });
  expect(minutes()).toEqual([3, 4, 5, 6]);
  expect(history.more).toBe(false);
  await history.older();
  expect(get).toHaveBeenCalledTimes(2);
});

test('an older page that fails can be asked for again', async () => {
  get.mockReturnValueOnce(answer([5], { previous: START }));
  await opened();
  get.mockRejectedValueOnce(new ApiError('offline', 0, ''));
  await history.older();
  get.mockReturnValueOnce(answer([1]));
  await history.older();
  expect(minutes()).toEqual([1, 5]);
});

test('where there is nothing yet it keeps looking, and a price alone draws nothing', async () => {
  get.mockReturnValue(answer([]));
  await opened();
  history.price(num('1'), START);
  expect([history.state, history.count]).toEqual(['known', 0]);
  get.mockReturnValue(answer([0]));
  await vi.advanceTimersByTimeAsync(5000);
  expect(minutes()).toEqual([0]);
});

test('unreadable history shows an error, and loads by itself once it can be read', async () => {
  get.mockRejectedValue(new ApiError('history_unavailable', 503, ''));
  await opened();
  expect(history.state).toBe('failed');
  get.mockReturnValue(answer([0]));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(history.state).toBe('known');
});

test('history that fails later keeps what is shown, and reports that it stopped', async () => {
  get.mockReturnValueOnce(answer([0, 1]));
  await opened();
  get.mockRejectedValue(new ApiError('history_unavailable', 503, ''));
  await vi.advanceTimersByTimeAsync(10_000);
  expect([history.state, history.interrupted, history.count]).toEqual(['known', true, 2]);
  history.price(num('120'), START + MINUTE);
  expect(history.tip?.h).toBe('120');
});

test('after a long sleep it begins anew instead of leaving a gap', async () => {
  get.mockReturnValueOnce(answer([0, 1]));
  await opened();
  get.mockReturnValueOnce(answer([1, 2], { next: START + 3 * MINUTE })).mockReturnValueOnce(answer([900, 901]));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(minutes()).toEqual([900, 901]);
});

test('a day of seconds leaves memory flat, also while history does not answer', async () => {
  get.mockReturnValueOnce(answer([0])).mockRejectedValue(new ApiError('history_unavailable', 503, ''));
  await opened({ interval: '1s', range: null });
  for (let second = 1; second <= 86_400; second++) history.price(num(100 + (second % 7)), START + second * 1000);
  expect(history.count).toBeLessThanOrEqual(MOST);
  expect(history.count).toBeGreaterThan(MOST / 2);
  expect(history.candles.at(-1)?.t).toBe(START + 86_400_000);
  expect(history.more).toBe(true);
});

test('an unknown symbol is asked about once', async () => {
  get.mockRejectedValue(new ApiError('unknown_symbol', 404, ''));
  await opened();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(get).toHaveBeenCalledTimes(1);
});

test('the range defines where the view begins', async () => {
  get.mockReturnValueOnce(answer(Array.from({ length: 100 }, (_, minute) => minute)));
  await opened();
  expect(history.candles[history.firstShown]?.t).toBe(START + 40 * MINUTE);
});

test('what has been filled in is read again whole, but not under one who has gone back', async () => {
  get.mockReturnValueOnce(answer([8, 9], { previous: START + 8 * MINUTE }));
  await opened();
  get.mockReturnValueOnce(Promise.reject(new ApiError('history_unavailable', 503, '')));
  history.reread();
  await vi.advanceTimersByTimeAsync(0);
  expect([minutes(), history.state]).toEqual([[8, 9], 'known']);
  get.mockReturnValueOnce(answer([4, 5, 6, 7, 8, 9], { previous: START + 4 * MINUTE }));
  await vi.advanceTimersByTimeAsync(20_000);
  expect(query(2)).toEqual({ interval: '1m', limit: 110 });
  expect(minutes()).toEqual([4, 5, 6, 7, 8, 9]);
  get.mockReturnValueOnce(answer([2, 3]));
  await history.older();
  get.mockReturnValue(answer([8, 9]));
  history.reread();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(query(4)).toHaveProperty('from');
  expect(minutes()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
});
