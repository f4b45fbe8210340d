import { expect, test } from 'vitest';

import type { Price } from '../api/types';
import type { Num } from '../lib/json';
import { listed, quotesOf, toggled, type Listed, type Wanted } from './listing';

const NOW = 1_767_225_600_000;

interface Figures {
  readonly price: string;
  readonly change?: string;
  readonly volume?: string;
  readonly time?: number;
}

function coin(base: string, quote: string, figures: Figures | null = null): Listed {
  const num = (text: string | undefined): Num | null => (text === undefined ? null : (text as Num));
  return {
    symbol: `${base}${quote}`.toLowerCase(),
    base,
    quote,
    figures:
      figures === null
        ? null
        : ({
            price: figures.price as Num,
            change_percent_24h: num(figures.change),
            quote_volume_24h: num(figures.volume),
            event_time: String(figures.time ?? NOW) as Num,
          } as Price),
  };
}

const BTC = coin('BTC', 'USDT', { price: '68123.45', change: '-1.5', volume: '900' });
const ETH = coin('ETH', 'USDT', { price: '2700', change: '3', volume: '800' });
const ETHBTC = coin('ETH', 'BTC', { price: '0.04', change: '0.5', volume: '7' });
const BTCST = coin('BTCST', 'USDT', { price: '1', change: '10', volume: '1' });
const WBTC = coin('WBTC', 'USDT', { price: '68000', change: '-2', volume: '5000' });
const NEW = coin('NEW', 'USDT');
const ALL = [NEW, ETHBTC, BTCST, WBTC, ETH, BTC];

const wanted = (some: Partial<Wanted>): Wanted => ({ search: '', found: null, quote: null, order: null, ...some });
const symbols = (rows: readonly Listed[]): readonly string[] => rows.map(({ symbol }) => symbol);

test('rows come by volume, price, change or name, in either way', () => {
  expect(symbols(listed(ALL, wanted({ quote: 'usdt' })))).toEqual(['wbtcusdt', 'btcusdt', 'ethusdt', 'btcstusdt', 'newusdt']);
  const by = (order: NonNullable<Wanted['order']>): readonly string[] => symbols(listed(ALL, wanted({ quote: 'usdt', order })));
  expect(by({ by: 'price', ascending: true })).toEqual(['btcstusdt', 'ethusdt', 'wbtcusdt', 'btcusdt', 'newusdt']);
  expect(by({ by: 'change', ascending: false })).toEqual(['btcstusdt', 'ethusdt', 'btcusdt', 'wbtcusdt', 'newusdt']);
  expect(by({ by: 'coin', ascending: true })).toEqual(['btcusdt', 'btcstusdt', 'ethusdt', 'newusdt', 'wbtcusdt']);
  expect(by({ by: 'coin', ascending: false })).toEqual(['wbtcusdt', 'newusdt', 'ethusdt', 'btcstusdt', 'btcusdt']);
});

test('what is not known comes last in both directions', () => {
  for (const ascending of [true, false]) {
    expect(symbols(listed(ALL, wanted({ order: { by: 'price', ascending } }))).at(-1)).toBe('newusdt');
  }
});

test('a search has the API’s order as it comes, unless a column is asked for; before the answer it is by volume', () => {
  const found = ['ethbtc', 'btcstusdt', 'btcusdt', 'similarusdt'];
  expect(symbols(listed(ALL, wanted({ search: 'btc', found })))).toEqual(['ethbtc', 'btcstusdt', 'btcusdt']);
  expect(symbols(listed(ALL, wanted({ search: 'btc', found, quote: 'usdt' })))).toEqual(['btcstusdt', 'btcusdt']);
  expect(symbols(listed(ALL, wanted({ search: 'btc', found, order: { by: 'coin', ascending: true } })))[0]).toBe('btcusdt');
  expect(symbols(listed(ALL, wanted({ search: 'btc' })))).toEqual(['wbtcusdt', 'btcusdt', 'ethbtc', 'btcstusdt']);
});

test('a pair is found as people write it', () => {
  for (const search of ['eth/btc', 'ETH-BTC', 'eth btc', 'ethbtc']) expect(symbols(listed(ALL, wanted({ search })))).toEqual(['ethbtc']);
});

test('a search stays within the quote', () => {
  expect(symbols(listed(ALL, wanted({ search: 'eth', quote: 'btc' })))).toEqual(['ethbtc']);
  expect(listed(ALL, wanted({ search: 'nothing' }))).toEqual([]);
});

test('the header turns the order around, and begins with the largest, names with the first', () => {
  expect(toggled({ by: 'volume', ascending: false }, 'volume')).toEqual({ by: 'volume', ascending: true });
  expect(toggled({ by: 'volume', ascending: true }, 'price')).toEqual({ by: 'price', ascending: false });
  expect(toggled({ by: 'volume', ascending: true }, 'coin')).toEqual({ by: 'coin', ascending: true });
});

test('quotes come by how much is priced in them', () => {
  expect(quotesOf([...ALL, coin('X', '')])).toEqual(['usdt', 'btc']);
  expect(quotesOf([coin('A', 'EUR'), coin('A', 'USDT'), coin('A', 'BRL')])).toEqual(['usdt', 'brl', 'eur']);
});
