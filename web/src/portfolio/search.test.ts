import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ApiError } from '../api/errors';
import { SymbolSearch } from './search.svelte';

const get = vi.hoisted(() => vi.fn());
vi.mock('../api/client', () => ({ get }));

const found = (...symbols: readonly string[]) => ({ symbols: symbols.map((symbol) => ({ symbol })) });
const seen = (search: SymbolSearch) => [search.pending, search.matches.map(({ symbol }) => symbol)];
let search: SymbolSearch;

beforeEach(() => {
  vi.useFakeTimers();
  get.mockReset();
  search = new SymbolSearch();
});
afterEach(() => {
  vi.useRealTimers();
});

test('what is shown is an older answer until the newest question has one', async () => {
  get.mockResolvedValueOnce(found('btcusdt')).mockResolvedValueOnce(found('ethusdt'));
  search.ask('btc');
  expect(seen(search)).toEqual([true, []]);
  await vi.advanceTimersByTimeAsync(90);
  expect(seen(search)).toEqual([false, ['btcusdt']]);
  search.ask('eth');
  expect(seen(search)).toEqual([true, ['btcusdt']]);
  await vi.advanceTimersByTimeAsync(90);
  expect(seen(search)).toEqual([false, ['ethusdt']]);
});

test('assets by themselves are asked for where they can be added, and nowhere else', async () => {
  get.mockResolvedValue(found());
  search.ask('btc');
  await vi.advanceTimersByTimeAsync(90);
  const adding = new SymbolSearch({ limit: 5, assets: true });
  adding.ask('btc');
  await vi.advanceTimersByTimeAsync(90);
  expect(get.mock.calls.map(([, { query }]) => query)).toEqual([
    { search: 'btc', limit: 8 },
    { search: 'btc', limit: 5, assets: true },
  ]);
});

test('the pair with USDT comes before the asset itself, which comes before other pairs', async () => {
  const asset = { symbol: 'btc', base: 'BTC', quote: '', status: 'TRADING' };
  const pair = { symbol: 'btcusdt', base: 'BTC', quote: 'USDT', status: 'TRADING' };
  const other = { symbol: 'btceur', base: 'BTC', quote: 'EUR', status: 'TRADING' };
  for (const [symbols, shown] of [
    [[asset, pair, other], ['btcusdt', 'btc', 'btceur']],
    [[asset, other, pair], ['btc', 'btceur', 'btcusdt']],
    [[asset], ['btc']],
    [[pair, other], ['btcusdt', 'btceur']],
  ] as const) {
    get.mockResolvedValueOnce({ symbols });
    search.ask('btc');
    await vi.advanceTimersByTimeAsync(90);
    expect(seen(search)).toEqual([false, shown]);
  }
});

test('an answer to an older question that comes late is none', async () => {
  let late = (_: unknown): void => undefined;
  get.mockImplementationOnce(() => new Promise((resolve) => (late = resolve)));
  search.ask('btc');
  await vi.advanceTimersByTimeAsync(90);
  get.mockResolvedValueOnce(found('ethusdt'));
  search.ask('eth');
  late(found('btcusdt'));
  await vi.advanceTimersByTimeAsync(0);
  expect(seen(search)).toEqual([true, []]);
  await vi.advanceTimersByTimeAsync(90);
  expect(seen(search)).toEqual([false, ['ethusdt']]);
});

test('a question that fails or is taken back is not waited for', async () => {
  get.mockRejectedValueOnce(new ApiError('offline', 0, ''));
  search.ask('btc');
  await vi.advanceTimersByTimeAsync(90);
  expect(search.pending).toBe(false);
  search.ask('btc');
  search.clear();
  expect(search.pending).toBe(false);
  search.ask(' ');
  expect(search.pending).toBe(false);
});
