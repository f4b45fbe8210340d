import { beforeEach, expect, test, vi } from 'vitest';

import type { ProfileDocument } from '../api/types';
import { clock } from '../lib/clock.svelte';
import { parseExact } from '../lib/json';
import { portfolio, STALE_AFTER_MS } from './portfolio.svelte';

vi.mock('./socket', () => ({ LiveSocket: class { open = () => undefined; close = () => undefined; } }));

interface Coin {
  readonly quantity: string;
  readonly price?: string;
  readonly total?: string;
}

function document(coins: Readonly<Record<string, Coin>>, total: string, updatedAt: number | null = 1000): ProfileDocument {
  const part = (key: 'quantity' | 'price' | 'total') =>
    Object.entries(coins).flatMap(([symbol, coin]) => (coin[key] === undefined ? [] : [`"${symbol}":${coin[key]}`])).join(',');
  return parseExact(
    `{"ID":1,"Name":"ada","Coins":{"Quantities":{${part('quantity')}},"Prices":{${part('price')}},"Totals":{${part('total')}}},` +
      `"Total":${total},"UpdatedAt":${updatedAt},"Source":"simulator"}`,
  ) as ProfileDocument;
}

const btc = (price: string, total = '1') => ({ btcusdt: { quantity: '0.123456789012345678', price, total } });

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

test('a change of price has a direction and a time; the same price has neither', () => {
  portfolio.apply(document(btc('9.5'), '1', 1000));
  portfolio.follow(document(btc('10'), '1', 2000));
  const holding = portfolio.holding('btcusdt');
  expect([holding?.direction, holding?.priceTime]).toEqual([1, 2000]);
  portfolio.follow(document(btc('10'), '1', 3000));
  expect([holding?.direction, holding?.priceTime]).toEqual([1, 2000]);
  portfolio.follow(document(btc('9.99'), '1', 4000));
  expect([holding?.direction, holding?.priceTime]).toEqual([-1, 4000]);
});

test('the age of an earlier price is unknown until the market confirms it', () => {
  const both = (price: string) => ({ ...btc(price), ethusdt: { quantity: '1', price: '50', total: '50' } });
  portfolio.apply(document(both('10'), '1', 1000));
  const [bitcoin, ether] = portfolio.holdings;
  expect([bitcoin?.priceTime, ether?.priceTime]).toEqual([null, null]);
  portfolio.follow(document(both('11'), '1', 2000));
  expect([bitcoin?.priceTime, ether?.priceTime]).toEqual([2000, null]);
  ether?.confirm('50.0' as never, 300); // hours before any other coin's
  expect(ether?.priceTime).toBe(300);
  portfolio.apply(document(both('12'), '1', 9000)); // the first of another connection
  expect([bitcoin?.priceTime, ether?.priceTime]).toEqual([null, 300]);
});

test('a coin that is added has a price of any age, whenever it comes', () => {
  portfolio.apply(document(btc('10'), '1', 1000));
  portfolio.follow(document({ ...btc('10'), ethusdt: { quantity: '1' } }, '1', 2000));
  portfolio.follow(document({ ...btc('10'), ethusdt: { quantity: '1', price: '50', total: '50' } }, '1', 3000));
  expect(portfolio.holding('ethusdt')?.priceTime).toBeNull();
});

test('the market can change a price’s time, earlier or later, but not the price', () => {
  portfolio.apply(document(btc('9'), '1', 1000));
  portfolio.follow(document(btc('10'), '1', 2000));
  const holding = portfolio.holding('btcusdt');
  holding?.confirm('10' as never, 5000);
  expect(holding?.priceTime).toBe(5000);
  holding?.confirm('11' as never, 9000);
  expect([holding?.price, holding?.priceTime]).toEqual(['10', 5000]);
  holding?.confirm('10' as never, 4000);
  expect(holding?.priceTime).toBe(4000);
});

test('a price keeps the places it has had', () => {
  portfolio.apply(document(btc('1.2345'), '1'));
  portfolio.apply(document(btc('1.23'), '1'));
  expect(portfolio.holding('btcusdt')?.places).toBe(4);
});

test('a tick keeps every record in place; another set of coins makes another list', () => {
  portfolio.apply(document({ ...btc('1'), ethusdt: { quantity: '2' } }, '1'));
  const before = portfolio.holdings;
  portfolio.apply(document({ ...btc('2'), ethusdt: { quantity: '2', price: '3', total: '6' } }, '7'));
  expect(portfolio.holdings).toBe(before);
  portfolio.apply(document({ ethusdt: { quantity: '2' } }, '0'));
  expect(portfolio.holdings.map(({ symbol }) => symbol)).toEqual(['ethusdt']);
  expect(portfolio.holdings[0]).toBe(before[1]);
});

test('a coin whose price is not known has none, and no total', () => {
  portfolio.apply(document({ newusdt: { quantity: '1' } }, '0', null));
  const [holding] = portfolio.holdings;
  expect([holding?.price, holding?.total, holding?.priceTime, portfolio.updatedAt]).toEqual([null, null, null, null]);
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
