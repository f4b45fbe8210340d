import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { text } from '../lib/decimal';
import type { Num } from '../lib/json';
import { day } from './day.svelte';
import { Holding } from './portfolio.svelte';

const get = vi.hoisted(() => vi.fn());
vi.mock('../api/client', () => ({ get }));
vi.mock('./socket', () => ({ LiveSocket: class {} }));

function holding(symbol: string, quantity: string, price: string, total: string): Holding {
  const made = new Holding(symbol);
  made.update(quantity as Num, price as Num, total as Num, 1000);
  return made;
}

const price = (symbol: string, open: string | null, event_time = '5000') => ({ symbol, price: '110', event_time, open_24h: open });
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
  get.mockReset();
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
  get.mockResolvedValue({ prices: [] });
  watching([holding('btcusdt', '2', '110', '220')]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(get).toHaveBeenCalledTimes(3);
  Object.assign(document, { visibilityState: 'hidden' });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(get).toHaveBeenCalledTimes(3);
});

test('the change of a coin, and what all of them gained, by the live price', async () => {
  const [btc, eth] = [holding('btcusdt', '2', '110', '220'), holding('ethusdt', '1', '45', '45')];
  get.mockResolvedValue({ prices: [price('btcusdt', '100'), price('ethusdt', '50')] });
  watching([btc, eth]);
  await vi.advanceTimersByTimeAsync(0);
  expect(text(day.change(btc) ?? { digits: 0n, scale: 0 })).toBe('10.0000');
  const gain = day.gain([btc, eth]);
  expect(gain && [text(gain.amount), text(gain.percent)]).toEqual(['15', '6.0000']);
  expect(btc.priceTime).toBe(5000);
});

test('a gain of which a part is not known is not shown', async () => {
  const fresh = holding('newusdt', '1', '5', '5');
  get.mockResolvedValue({ prices: [price('newusdt', null)] });
  watching([fresh]);
  await vi.advanceTimersByTimeAsync(0);
  expect([day.change(fresh), day.gain([fresh])]).toEqual([null, null]);
});

test('a market that does not answer costs what it would have told, and is asked again', async () => {
  get.mockRejectedValueOnce(new Error('away')).mockResolvedValue({ prices: [] });
  watching([holding('xrpusdt', '1', '5', '5')]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(get).toHaveBeenCalledTimes(2);
});
