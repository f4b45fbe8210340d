import { render } from 'svelte/server';
import { expect, test, vi } from 'vitest';

import type { ListedSymbol } from '../api/types';
import { portfolio } from '../live/portfolio.svelte';
import { directory } from '../market/directory.svelte';
import EmptyPortfolio from './EmptyPortfolio.svelte';

vi.mock('../api/client', () => ({}));
vi.mock('../live/socket', () => ({ LiveSocket: class {} }));

test('the currency can be chosen before there is anything to value', () => {
  directory.take([{ symbol: 'btcusdt', base: 'BTC', quote: 'USDT', status: 'TRADING' } as ListedSymbol]);
  portfolio.currency = 'BTC';
  const select = /<select.*?<\/select>/s.exec(render(EmptyPortfolio).body)?.[0] ?? '';
  expect([...select.matchAll(/<option value="(\w+)"( selected="")?/g)].map(([, value, chosen]) => [value, chosen !== undefined])).toEqual([
    ['USDT', false],
    ['BTC', true],
  ]);
});
