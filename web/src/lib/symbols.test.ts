import { expect, test } from 'vitest';

import { pairOf } from './symbols';

test.each([
  ['btcusdt', 'BTC', 'USDT'],
  ['ETHBTC', 'ETH', 'BTC'],
  ['usdtusdc', 'USDT', 'USDC'],
  ['btc', 'BTC', ''],
  ['币安人生usdt', '币安人生', 'USDT'],
])('%s is %s priced in %s', (symbol, base, quote) => {
  expect(pairOf(symbol)).toEqual({ base, quote });
});
