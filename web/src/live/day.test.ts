import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { text, trimmed } from '../lib/decimal';
import type { Num } from '../lib/json';
import type { ListedSymbol } from '../api/types';
import { directory } from '../market/directory.svelte';
import { day } from './day.svelte';
import { Holding, portfolio, type Path } from './portfolio.svelte';

const get = vi.hoisted(() => vi.fn());
vi.mock('../api/client', () => ({ get }));
vi.mock('./socket', () => ({ LiveSocket: class {} }));

function holding(symbol: string, quantity: string, price: string, value: string | null): Holding {
  const made = new Holding(symbol);
  made.update(quantity as Num, price as Num, value as Num | null, 1000);
  return made;
}

const answer = (prices: readonly object[], source = 'simulator') => ({ source, prices });
const price = (symbol: string, open: string | null) => ({ symbol, price: '110', open_24h: open, status: 'TRADING' });
const LISTING = ['BTC/USDT', 'ETH/USDT', 'NEW/USDT', 'XRP/USDT', 'SOL/USDT', 'BNB/USDT', 'ADA/USDT', 'ETH/BTC', 'EUR/USDT', 'XRP/TRY'].map((name) => {
  const [base, quote] = name.split('/');
  return { symbol: name.replace('/', '').toLowerCase(), base, quote, status: 'TRADING' } as ListedSymbol;
});
const along = (symbol: string) => ({ symbol, backwards: false });
const back = (symbol: string) => ({ symbol, backwards: true });
/** The ways as the server has chosen them. */
let paths: Readonly<Record<string, Path>>;
const texts = (gain: ReturnType<typeof day.gain>) => gain && [text(trimmed(gain.amount)), text(gain.percent)];
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
  get.mockReset();
  vi.spyOn(directory, 'load').mockResolvedValue();
  vi.spyOn(directory, 'learn').mockReturnValue();
  directory.take(LISTING);
  portfolio.source = 'simulator';
  portfolio.currency = 'USDT';
  paths = { BTC: [along('btcusdt')], EUR: [along('eurusdt')] };
  vi.spyOn(portfolio, 'path').mockImplementation((asset) => (asset === portfolio.currency ? [] : (paths[asset] ?? null)));
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
  expect(texts(day.gain([btc, eth]))).toEqual(['15', '6.0000']);
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

test('a gain over several quotes is in the currency, by the pairs that convert them and their prices of then', async () => {
  const [btc, ethbtc, cash] = [holding('btcusdt', '1', '110', '110'), holding('ethbtc', '10', '0.1', '110'), holding('eur', '100', '1.2', '120')];
  get.mockResolvedValue(answer([price('btcusdt', '100'), price('ethbtc', '0.05'), price('eurusdt', '1.25')]));
  watching([btc, ethbtc, cash]);
  await vi.advanceTimersByTimeAsync(0);
  expect(get.mock.calls[0]?.[1].query.symbols).toBe('btcusdt,ethbtc,eurusdt');
  expect(texts(day.gain([btc, ethbtc, cash]))).toEqual(['65', '23.6364']); // 340 now, 100 + 50 + 125 then
  expect(text(day.change(cash) ?? { digits: 0n, scale: 0 })).toBe('-4.0000');
});

test('a pair that is listed the other way round converts, too', async () => {
  portfolio.currency = 'EUR';
  paths = { USDT: [back('eurusdt')] };
  const btc = holding('btcusdt', '1', '110', '100');
  get.mockResolvedValue(answer([price('btcusdt', '100'), price('eurusdt', '1.25')]));
  watching([btc]);
  await vi.advanceTimersByTimeAsync(0);
  expect(texts(day.gain([btc]))).toEqual(['20', '25.0000']); // 80 then
});

test('a way of several pairs converts by the prices of then of each of them, rounded once', async () => {
  portfolio.currency = 'TRY';
  paths = { USDT: [back('eurusdt'), along('eurtry')], BTC: [along('btcusdt'), back('eurusdt'), along('eurtry')] };
  const [btc, ethbtc] = [holding('btcusdt', '1', '110', '4400'), holding('ethbtc', '10', '0.1', '4400')];
  get.mockResolvedValue(answer([price('btcusdt', '100'), price('ethbtc', '0.05'), price('eurusdt', '3'), price('eurtry', '120')]));
  watching([btc, ethbtc]);
  await vi.advanceTimersByTimeAsync(0);
  expect(get.mock.calls[0]?.[1].query.symbols).toBe('btcusdt,ethbtc,eurusdt,eurtry');
  expect(texts(day.gain([btc, ethbtc]))).toEqual(['2800', '46.6667']); // 100 × 120 ÷ 3 = 4000, and half of it: 8800 now
});

test('where one pair of the way has no price of then, nothing is guessed', async () => {
  portfolio.currency = 'TRY';
  paths = { USDT: [back('eurusdt'), along('eurtry')] };
  const btc = holding('btcusdt', '1', '110', '4400');
  get.mockResolvedValue(answer([price('btcusdt', '100'), price('eurusdt', '3'), price('eurtry', null)]));
  watching([btc]);
  await vi.advanceTimersByTimeAsync(0);
  expect(day.gain([btc])).toBeNull();
});

test('a gain that cannot be given in the currency is not shown; what the total leaves out does not count', async () => {
  const [btc, xrp] = [holding('btcusdt', '1', '110', '110'), holding('xrptry', '1', '20', '0.5')];
  get.mockResolvedValue(answer([price('btcusdt', '100'), price('xrptry', '20')]));
  watching([btc, xrp]);
  await vi.advanceTimersByTimeAsync(0);
  expect(day.gain([btc, xrp])).toBeNull();
  expect(texts(day.gain([btc, holding('xrptry', '1', '20', null)]))).toEqual(['10', '10.0000']);
});

test('prices of two sources are not compared', async () => {
  const bnb = holding('bnbusdt', '1', '110', '110');
  get.mockResolvedValue(answer([price('bnbusdt', '100')], 'binance'));
  watching([bnb]);
  await vi.advanceTimersByTimeAsync(0);
  expect(day.change(bnb)).toBeNull();
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
