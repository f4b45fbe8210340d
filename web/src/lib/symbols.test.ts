import { expect, test } from 'vitest';

import { namesOf, pairOf } from './symbols';

test.each([
  ['btcusdt', 'BTC', 'USDT'],
  ['ETHBTC', 'ETH', 'BTC'],
  ['usdtusdc', 'USDT', 'USDC'],
  ['btc', 'BTC', ''],
  ['币安人生usdt', '币安人生', 'USDT'],
])('%s is %s priced in %s', (symbol, base, quote) => {
  expect(pairOf(symbol)).toEqual({ base, quote });
});

test('a symbol is called by its base, and where two have the same base, by both halves', () => {
  expect([...namesOf(['btcusdt', 'ethusdt', 'btcfdusd', 'odd'])]).toEqual([
    ['btcusdt', 'BTC/USDT'],
    ['ethusdt', 'ETH'],
    ['btcfdusd', 'BTC/FDUSD'],
    ['odd', 'ODD'],
  ]);
});
