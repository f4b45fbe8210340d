import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { render } from 'svelte/server';

import { ApiError } from '../api/errors';
import { locale } from '../lib/i18n.svelte';
import { Filling } from './filling.svelte';
import FillingLine from './FillingLine.svelte';

const get = vi.hoisted(() => vi.fn());
vi.mock('../api/client', () => ({ get }));

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
const answer = (state: string, pending: Readonly<Record<string, number>> = {}) => ({
  state,
  pending: Object.fromEntries(Object.entries(pending).map(([symbol, steps]) => [symbol, String(steps)])),
});
const COINS = ['btcusdt', 'ethusdt', 'solusdt'];
const line = (coin?: string): string => render(FillingLine, { props: { filling, ...(coin === undefined ? {} : { coin }) } }).body.replace(/<[^>]*>/g, '').trim();
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

let filling: Filling;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', page);
  vi.stubGlobal('addEventListener', () => undefined);
  page.visibilityState = 'visible';
  get.mockReset();
  filling = new Filling();
  locale.language = 'en';
});
afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function watching(symbols = COINS): Promise<void> {
  stop = filling.watch(symbols);
  await pass(0);
}

test('the line names how many of the symbols are done, in both languages, and goes when all are', async () => {
  get.mockResolvedValue(answer('filling', { ethusdt: 9, solusdt: 4 }));
  await watching();
  expect(get.mock.calls).toEqual([['/v1/market/fill', expect.objectContaining({ query: { symbols: 'btcusdt,ethusdt,solusdt' } })]]);
  expect(line()).toBe('Filling history: 1 of 3');
  expect(line('ETH/USDT')).toBe('Filling history of ETH/USDT');
  locale.language = 'ru';
  expect(line()).toBe('Загружаем историю: 1 из 3');
  get.mockResolvedValue(answer('filling'));
  await pass(3000);
  expect(line()).toBe('');
});

test('while something is in the way, the line calls it paused, and it is asked for less often', async () => {
  get.mockResolvedValue(answer('waiting', { ethusdt: 9 }));
  await watching();
  expect(line()).toBe('Filling history is paused: 2 of 3');
  await pass(12_000);
  expect(get).toHaveBeenCalledTimes(1);
  await pass(3000);
  expect(get).toHaveBeenCalledTimes(2);
});

test('with nothing left to fill it is asked for half a minute longer, then no more', async () => {
  get.mockResolvedValue(answer('idle'));
  await watching();
  await pass(3_600_000);
  expect(get).toHaveBeenCalledTimes(11);
  expect([filling.settled, filling.progress]).toEqual([1, 0]);
});

test('a page that is not seen asks nothing', async () => {
  get.mockResolvedValue(answer('filling', { ethusdt: 9 }));
  await watching();
  page.visibilityState = 'hidden';
  await pass(3_600_000);
  expect(get).toHaveBeenCalledTimes(1);
});

test('without an answer nothing is shown, and what was there is not taken for progress', async () => {
  get.mockResolvedValue(answer('filling', { ethusdt: 9 }));
  await watching();
  get.mockRejectedValue(new ApiError('market_unavailable', 503, ''));
  await pass(3000);
  expect([line(), filling.progress]).toEqual(['', 0]);
  get.mockResolvedValue(answer('filling', { ethusdt: 9 }));
  await pass(60_000);
  expect([line(), filling.progress]).toEqual(['Filling history: 2 of 3', 0]);
});

test('each step that is done is progress, now and then while it fills and once at its end', async () => {
  get.mockResolvedValueOnce(answer('filling', { ethusdt: 9, solusdt: 9 }));
  for (let steps = 9; steps > 0; steps -= 1) get.mockResolvedValueOnce(answer('filling', { solusdt: steps }));
  get.mockResolvedValue(answer('idle'));
  await watching();
  expect(filling.progress).toBe(0);
  await pass(3000);
  expect(filling.progress).toBe(1);
  await pass(8 * 3000);
  expect(filling.progress).toBe(3); // after 3, 15 and 27 s
  await pass(3000);
  expect(filling.progress).toBe(4);
  await pass(60_000);
  expect(filling.progress).toBe(4);
});

test('another set of symbols begins anew, and has made no progress', async () => {
  get.mockResolvedValue(answer('filling', { ethusdt: 9, solusdt: 9 }));
  await watching();
  stop();
  get.mockResolvedValue(answer('filling', { ethusdt: 4 }));
  await watching(['ethusdt']);
  expect([line(), filling.progress]).toEqual(['Filling history: 0 of 1', 0]);
});
