import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { get } from '../api/client';
import type { Answer, Operation } from '../api/types';
import { parseExact, type Num } from '../lib/json';
import { market, Ticker } from './market.svelte';

vi.mock('../api/client', () => ({ get: vi.fn() }));

type Prices = Answer<Operation<'/v1/market/prices', 'get'>>;

function prices(symbol: string, price: string, time: number, source = 'simulator'): Prices {
  return parseExact(
    `{"source":"${source}","time":${time},"prices":[{"symbol":"${symbol}","price":${price},"event_time":${time},"age_ms":0,"open_24h":100,
      "high_24h":120.5,"low_24h":90,"volume_24h":1,"quote_volume_24h":100,"change_24h":1,"change_percent_24h":1}],"unknown":{},"next":null}`,
  ) as Prices;
}

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

let next = 0;
let ticker: Ticker;
beforeEach(() => {
  ticker = market.ticker(`t${next++}usdt`);
});

test('a price keeps its digits, its column its places, and the ticker which way it went', () => {
  market.apply(prices(ticker.symbol, '101.00000000000000001', 1));
  expect(ticker.figures?.price).toBe('101.00000000000000001');
  expect(ticker.direction).toBe(0);
  expect(ticker.places).toBe(12);
  market.apply(prices(ticker.symbol, '101.00000000000000002', 2));
  expect(ticker.direction).toBe(1);
  market.apply(prices(ticker.symbol, '99', 3));
  expect(ticker.direction).toBe(-1);
  expect(ticker.places).toBe(12);
});

test('an answer that was overtaken on its way changes nothing', () => {
  market.apply(prices(ticker.symbol, '101', 5000));
  market.apply(prices(ticker.symbol, '90', 4000));
  expect(ticker.figures?.price).toBe('101');
});

test('an event time that was wrong holds a price for seconds only', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  market.apply(prices(ticker.symbol, '101', 3_600_000));
  vi.advanceTimersByTime(9000);
  market.apply(prices(ticker.symbol, '102', 5000));
  ticker.tick('103' as Num, 5000);
  expect(ticker.figures?.price).toBe('101');
  vi.advanceTimersByTime(2000);
  market.apply(prices(ticker.symbol, '104', 6000));
  expect(ticker.figures?.price).toBe('104');
  ticker.tick('105' as Num, 7000);
  expect(ticker.figures?.price).toBe('105');
});

test('an answer with the same figures changes nothing, so that no cell lights up', () => {
  market.apply(prices(ticker.symbol, '101', 5000));
  const before = ticker.figures;
  market.apply(prices(ticker.symbol, '101', 5000));
  expect(ticker.figures).toBe(before);
});

test('prices of another source replace those before, even older ones', () => {
  market.apply(prices(ticker.symbol, '101', 9000, 'binance'));
  market.apply(prices(ticker.symbol, '55', 8000, 'simulator'));
  expect(ticker.figures?.price).toBe('55');
  expect(ticker.direction).toBe(0);
});

test('a live price moves the change of the day exactly, as the API has it', () => {
  market.apply(prices(ticker.symbol, '101', 1000));
  ticker.tick('101.3333333333' as Num, 2000);
  expect(ticker.figures?.change_24h).toBe('1.3333333333');
  expect(ticker.figures?.change_percent_24h).toBe('1.33333333');
  expect(ticker.direction).toBe(1);
});

test('a page about a symbol that does not exist adds nothing to the market', () => {
  expect(market.ticker('nosuchusdt').known).toBe(false);
  market.apply(prices(ticker.symbol, '1', 1));
  expect(ticker.known).toBe(true);
});

test('what is not known is remembered with what is near', () => {
  market.apply(parseExact('{"source":"simulator","time":1,"prices":[],"unknown":{"btcusdx":["btcusdt"]},"next":null}') as Prices);
  expect(market.unknown.get('btcusdx')).toEqual(['btcusdt']);
});

test('the newest event is that of the market as it was read last, so that one that was wrong ages', async () => {
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
  vi.stubGlobal('addEventListener', () => undefined);
  market.apply(prices(ticker.symbol, '101', 9_000_000_000_000, 'binance'));
  expect(market.newest).toBe(9_000_000_000_000);
  ticker.forget();
  vi.mocked(get).mockImplementation(async (path) => (path === '/v1/market/prices' ? prices(ticker.symbol, '102', 6000, 'binance') : { symbols: [], next: null }) as never);
  const before = market.revision;
  const polled = market.watchAll();
  await vi.waitFor(() => expect(market.revision).toBeGreaterThan(before));
  polled.stop();
  expect(market.newest).toBe(6000);
});
