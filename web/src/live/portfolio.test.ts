import { beforeEach, expect, test, vi } from 'vitest';

import type { ProfileDocument } from '../api/types';
import { clock } from '../lib/clock.svelte';
import { parseExact } from '../lib/json';
import { portfolio, STALE_AFTER_MS } from './portfolio.svelte';

vi.mock('./socket', () => ({ LiveSocket: class { open = () => undefined; close = () => undefined; } }));

interface Coin {
  readonly quantity: string;
  readonly price?: string;
  readonly value?: string;
  readonly time?: number | null;
}

interface More {
  readonly currency?: string;
  readonly unvalued?: readonly string[];
  readonly ratesAt?: number | null;
  readonly paths?: object;
}

function document(coins: Readonly<Record<string, Coin>>, total: string, updatedAt: number | null = 1000, more: More = {}): ProfileDocument {
  const part = (key: keyof Coin) =>
    Object.entries(coins).flatMap(([symbol, coin]) => (coin[key] === undefined ? [] : [`"${symbol}":${coin[key]}`])).join(',');
  const { currency = 'USDT', unvalued = [], ratesAt = null, paths = {} } = more;
  return parseExact(
    `{"ID":1,"Name":"ada","Coins":{"Quantities":{${part('quantity')}},"Prices":{${part('price')}},"Totals":{},"Values":{${part('value')}},"Times":{${part('time')}}},` +
      `"Total":${total},"UpdatedAt":${updatedAt},"Source":"simulator","Currency":"${currency}","Unvalued":${JSON.stringify(unvalued)},"RatesAt":${ratesAt},"Paths":${JSON.stringify(paths)}}`,
  ) as ProfileDocument;
}

const btc = (price: string, value = '1', time = 1000) => ({ btcusdt: { quantity: '0.123456789012345678', price, value, time } });

beforeEach(() => {
  portfolio.close();
});

test('figures are those of the document, to the last digit', () => {
  portfolio.apply(document(btc('68123.450', '8410.302394063078140900'), '8410.302394063078140900'));
  const [holding] = portfolio.holdings;
  expect(holding?.quantity).toBe('0.123456789012345678');
  expect(holding?.price).toBe('68123.450');
  expect(portfolio.total).toBe('8410.302394063078140900');
  expect(portfolio.source).toBe('simulator');
});

test('a change of price has a direction', () => {
  portfolio.apply(document(btc('9.5'), '1'));
  portfolio.apply(document(btc('10'), '1'));
  expect(portfolio.holding('btcusdt')?.direction).toBe(1);
  portfolio.apply(document(btc('9.99'), '1'));
  expect(portfolio.holding('btcusdt')?.direction).toBe(-1);
});

test('each coin has the time of its own price: one that stands still does not hide behind the others', () => {
  const both = (price: string, time: number) => ({ ...btc(price, '1', time), ethusdt: { quantity: '1', price: '50', value: '50', time: 300 } });
  portfolio.apply(document(both('10', 1000), '1', 1000));
  portfolio.apply(document(both('11', 2000), '1', 2000));
  expect(portfolio.holdings.map(({ priceTime }) => priceTime)).toEqual([2000, 300]);
  portfolio.apply(document({ usdt: { quantity: '1', price: '1', value: '1', time: null } }, '1', null));
  expect(portfolio.holding('usdt')?.priceTime).toBeNull();
});

test('the total and the values are in the currency; what the total leaves out has no value', () => {
  const coins = { ethbtc: { quantity: '2', price: '0.05', value: '6000.5', time: 1 }, xrptry: { quantity: '1', price: '20', time: 2 } };
  portfolio.apply(document(coins, '6000.5', 2, { currency: 'EUR', unvalued: ['xrptry'], ratesAt: 1 }));
  expect([portfolio.total, portfolio.currency, portfolio.unvalued, portfolio.ratesAt]).toEqual(['6000.5', 'EUR', ['xrptry'], 1]);
  expect(portfolio.holdings.map(({ price, value }) => [price, value])).toEqual([['0.05', '6000.5'], ['20', null]]);
});

test('another currency is no rise and no fall of the total', () => {
  portfolio.apply(document(btc('1'), '5'));
  portfolio.apply(document(btc('1'), '6'));
  expect(portfolio.totalDirection).toBe(1);
  portfolio.apply(document(btc('1'), '4', 1000, { currency: 'EUR' }));
  expect(portfolio.totalDirection).toBe(0);
});

test('a price keeps the places it has had', () => {
  portfolio.apply(document(btc('1.2345'), '1'));
  portfolio.apply(document(btc('1.23'), '1'));
  expect(portfolio.holding('btcusdt')?.places).toBe(4);
});

test('a tick keeps every record in place; another set of coins makes another list', () => {
  portfolio.apply(document({ ...btc('1'), ethusdt: { quantity: '2' } }, '1'));
  const before = portfolio.holdings;
  portfolio.apply(document({ ...btc('2'), ethusdt: { quantity: '2', price: '3', value: '6' } }, '7'));
  expect(portfolio.holdings).toBe(before);
  portfolio.apply(document({ ethusdt: { quantity: '2' } }, '0'));
  expect(portfolio.holdings.map(({ symbol }) => symbol)).toEqual(['ethusdt']);
  expect(portfolio.holdings[0]).toBe(before[1]);
});

test('a coin whose price is not known has none, and no value', () => {
  portfolio.apply(document({ newusdt: { quantity: '1' } }, '0', null));
  const [holding] = portfolio.holdings;
  expect([holding?.price, holding?.value, holding?.priceTime, portfolio.updatedAt]).toEqual([null, null, null, null]);
});

test('old figures are called stale although the connection holds', () => {
  portfolio.connection = { state: 'open' };
  portfolio.apply(document(btc('1'), '1', clock.now));
  expect(portfolio.trust).toBe('live');
  portfolio.apply(document(btc('1'), '1', clock.now - STALE_AFTER_MS - 1));
  expect(portfolio.trust).toBe('stale');
});

test('while none of the coins has a price nothing is live; without coins it is', () => {
  portfolio.connection = { state: 'open' };
  portfolio.apply(document({}, '0', null));
  expect(portfolio.trust).toBe('live');
  portfolio.apply(document({ newusdt: { quantity: '1' } }, '0', null));
  expect(portfolio.trust).toBe('unpriced');
  portfolio.apply(document({ usdt: { quantity: '1', price: '1', value: '1', time: null } }, '1', null)); // needs no price event
  expect(portfolio.trust).toBe('live');
});

test('a lost connection is shown as what it is', () => {
  portfolio.connection = { state: 'connecting' };
  expect(portfolio.trust).toBe('connecting');
  portfolio.apply(document(btc('1'), '1', clock.now));
  expect(portfolio.trust).toBe('reconnecting');
  portfolio.connection = { state: 'waiting', until: 0 };
  expect(portfolio.trust).toBe('reconnecting');
  portfolio.connection = { state: 'offline' };
  expect(portfolio.trust).toBe('offline');
});

test('the ways into the currency are the server’s', () => {
  const paths = { USDT: [{ Symbol: 'eurusdt', Backwards: true }, { Symbol: 'eurtry', Backwards: false }] };
  portfolio.apply(document(btc('9'), '1', 1000, { currency: 'TRY', paths }));
  expect(portfolio.path('USDT')).toEqual([
    { symbol: 'eurusdt', backwards: true },
    { symbol: 'eurtry', backwards: false },
  ]);
  expect([portfolio.path('TRY'), portfolio.path('BTC')]).toEqual([[], null]);
  portfolio.apply(document(btc('9'), '1'));
  expect([portfolio.path('USDT'), portfolio.path('TRY')]).toEqual([[], null]);
});
