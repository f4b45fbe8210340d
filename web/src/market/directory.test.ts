import { beforeEach, expect, test, vi } from 'vitest';

import { get } from '../api/client';
import type { ListedSymbol } from '../api/types';
import { canBeAdded, directory, namesOf, pairName, pairOf } from './directory.svelte';

vi.mock('../api/client', () => ({ get: vi.fn() }));

const listed = (symbol: string, base: string, quote: string, status = 'TRADING'): ListedSymbol => ({ symbol, base, quote, status }) as ListedSymbol;

beforeEach(() =>
  directory.take([
    listed('btcaeur', 'BTC', 'AEUR'),
    listed('btcu', 'BTC', 'U'),
    listed('bnbidrt', 'BNB', 'IDRT'),
    listed('polusdt', 'POL', 'USDT', 'BREAK'),
    listed('maticusdt', 'MATIC', 'USDT', 'DELISTED'),
    listed('usdcusdt', '', '', ''),
  ]),
);

test('base and quote are the exchange’s; what is not listed is shown as it is', () => {
  expect(['btcaeur', 'btcu', 'bnbidrt', 'usdcusdt', 'newusdt'].map((symbol) => pairName(pairOf(symbol)))).toEqual([
    'BTC/AEUR',
    'BTC/U',
    'BNB/IDRT',
    'USDCUSDT',
    'NEWUSDT',
  ]);
});

test('a coin in two quotes is two names', () => {
  expect([...namesOf(['btcaeur', 'btcu', 'bnbidrt', 'newusdt']).values()]).toEqual(['BTC/AEUR', 'BTC/U', 'BNB', 'NEWUSDT']);
});

test('only what is traded can be added, and what nothing is known of', () => {
  const states = ['btcaeur', 'polusdt', 'maticusdt', 'newusdt', 'usdcusdt'].map((symbol) => directory.trading(symbol));
  expect(states).toEqual(['traded', 'halted', 'delisted', 'delisted', 'unknown']);
  expect(states.map(canBeAdded)).toEqual([true, false, false, false, true]);
  directory.take([]);
  expect(directory.trading('btcaeur')).toBe('unknown');
});

test('a listing of several pages is read whole: what is on a later page is not delisted', async () => {
  const answer = (symbols: readonly ListedSymbol[], next: string | null) => ({ symbols, next }) as never;
  vi.mocked(get).mockResolvedValueOnce(answer([listed('btcu', 'BTC', 'U')], 'btcu')).mockResolvedValueOnce(answer([listed('zrxusdt', 'ZRX', 'USDT')], null));
  await directory.load();
  expect(vi.mocked(get).mock.calls.map(([, options]) => options?.query)).toEqual([
    { limit: 5000, after: null },
    { limit: 5000, after: 'btcu' },
  ]);
  expect(directory.trading('zrxusdt')).toBe('traded');
});

test('an asset of the listing is no unknown pair: it is its own unit, and is not called delisted', () => {
  expect(['aeur', 'btc', 'btcu', 'matic', 'newusdt'].map((symbol) => directory.isAsset(symbol))).toEqual([true, true, false, false, false]);
  expect(['aeur', 'btcu', 'newusdt'].map((symbol) => directory.unit(symbol))).toEqual(['AEUR', 'U', '']);
  expect(['aeur', 'matic'].map((symbol) => directory.trading(symbol))).toEqual(['traded', 'delisted']);
});

test('an asset that a search finds is no row of the listing', () => {
  directory.learn([listed('btc', 'BTC', ''), listed('ethu', 'ETH', 'U')]);
  expect(directory.all.map(({ symbol }) => symbol)).not.toContain('btc');
  expect([directory.isAsset('btc'), pairName(pairOf('btc')), pairName(pairOf('ethu'))]).toEqual([true, 'BTC', 'ETH/U']);
});
