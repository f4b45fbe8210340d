import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { text } from '../lib/decimal';
import type { Num } from '../lib/json';
import { day } from './day.svelte';
import { Holding, portfolio } from './portfolio.svelte';

const get = vi.hoisted(() => vi.fn());
vi.mock('../market/directory.svelte', () => ({ directory: { load: () => undefined, learn: () => undefined } }));
vi.mock('../api/client', () => ({ get }));
vi.mock('./socket', () => ({ LiveSocket: class {} }));

function holding(symbol: string, quantity: string, price: string, total: string): Holding {
  const made = new Holding(symbol);
  made.update(quantity as Num, price as Num, total as Num, 1000);
  return made;
}

const answer = (prices: readonly object[], source = 'simulator') => ({ source, prices });
const price = (symbol: string, open: string | null, event_time = '5000') => ({ symbol, price: '110', event_time, open_24h: open });
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
  get.mockReset();
  portfolio.source = 'simulator';
});

afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function watching(holdings: readonly Holding[]): void {
  stop = day.watch(() => holdings);
}

test('it asks every few seconds, while the page is seen', async () => {
  get.mockResolvedValue(answer([]));
  watching([holding('btcusdt', '2', '110', '220')]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(get).toHaveBeenCalledTimes(3);
  Object.assign(document, { visibilityState: 'hidden' });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(get).toHaveBeenCalledTimes(3);
});

test('the change of a coin, and what all of them gained, by the live price', async () => {
  const [btc, eth] = [holding('btcusdt', '2', '110', '220'), holding('ethusdt', '1', '45', '45')];
  get.mockResolvedValue(answer([price('btcusdt', '100'), price('ethusdt', '50')]));
  watching([btc, eth]);
  await vi.advanceTimersByTimeAsync(0);
  expect(text(day.change(btc) ?? { digits: 0n, scale: 0 })).toBe('10.0000');
  const gain = day.gain([btc, eth]);
  expect(gain && [text(gain.amount), text(gain.percent)]).toEqual(['15', '6.0000']);
  expect(btc.priceTime).toBe(5000);
});

test('a gain of which a part is not known is not shown', async () => {
  const fresh = holding('newusdt', '1', '5', '5');
  get.mockResolvedValue(answer([price('newusdt', null)]));
  watching([fresh]);
  await vi.advanceTimersByTimeAsync(0);
  expect([day.change(fresh), day.gain([fresh])]).toEqual([null, null]);
});

test('without an answer from the market there is no change, and the request is repeated', async () => {
  get.mockRejectedValueOnce(new Error('away')).mockResolvedValue(answer([]));
  watching([holding('xrpusdt', '1', '5', '5')]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(get).toHaveBeenCalledTimes(2);
});

test('an open that has not been confirmed for a minute is not shown', async () => {
  const sol = holding('solusdt', '1', '110', '110');
  get.mockResolvedValueOnce(answer([price('solusdt', '100')])).mockRejectedValue(new Error('away'));
  watching([sol]);
  await vi.advanceTimersByTimeAsync(50_000);
  expect(day.open('solusdt')).toBe('100');
  await vi.advanceTimersByTimeAsync(20_000);
  expect([day.open('solusdt'), day.change(sol), day.gain([sol])]).toEqual([null, null, null]);
});

test('prices of two sources are not compared, and neither dates the other', async () => {
  const bnb = holding('bnbusdt', '1', '110', '110');
  const before = bnb.priceTime;
  get.mockResolvedValue(answer([price('bnbusdt', '100')], 'binance'));
  watching([bnb]);
  await vi.advanceTimersByTimeAsync(0);
  expect([day.change(bnb), bnb.priceTime]).toEqual([null, before]);
  portfolio.source = 'binance';
  expect(day.open('bnbusdt')).toBe('100');
});

test('a day that the market does not know any more is forgotten', async () => {
  get.mockResolvedValueOnce(answer([price('adausdt', '100')])).mockResolvedValueOnce(answer([price('adausdt', null)]));
  watching([holding('adausdt', '1', '110', '110')]);
  await vi.advanceTimersByTimeAsync(0);
  expect(day.open('adausdt')).toBe('100');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(day.open('adausdt')).toBeNull();
});
