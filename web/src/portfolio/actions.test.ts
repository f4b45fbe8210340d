import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { ListedSymbol, ProfileDocument } from '../api/types';
import { parseExact } from '../lib/json';
import { toasts } from '../lib/toasts.svelte';
import { portfolio } from '../live/portfolio.svelte';
import { directory } from '../market/directory.svelte';
import { addCoin, changeQuantity, chooseCurrency, removeCoin } from './actions';

const api = vi.hoisted(() => ({ get: vi.fn(), post: vi.fn(), patch: vi.fn(), remove: vi.fn() }));
vi.mock('../api/client', () => api);
vi.mock('../live/socket', () => ({ LiveSocket: class { open = () => undefined; close = () => undefined; } }));

const document = (quantities: string): ProfileDocument =>
  parseExact(
    `{"ID":1,"Name":"ada","Coins":{"Quantities":{${quantities}},"Prices":{},"Totals":{}},"Total":0,"UpdatedAt":null,"Source":null,"Currency":"USDT","Unvalued":[]}`,
  ) as ProfileDocument;
const quantity = (): string | undefined => portfolio.holding('btcusdt')?.quantity;

beforeEach(() => {
  vi.useFakeTimers();
  for (const call of Object.values(api)) call.mockReset().mockResolvedValue({});
  portfolio.close();
  portfolio.open();
  portfolio.apply(document('"btcusdt":1'));
  portfolio.connection = { state: 'open' };
});
afterEach(() => {
  vi.useRealTimers();
  for (const { id } of toasts.list) toasts.dismiss(id);
});

test('a change that the live connection brings is not asked for', async () => {
  await changeQuantity('btcusdt', '2.50');
  portfolio.apply(document('"btcusdt":2.5'));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(api.get).not.toHaveBeenCalled();
});

test('a change that an open connection does not bring is read', async () => {
  api.get.mockResolvedValue(document('"btcusdt":2'));
  await changeQuantity('btcusdt', '2');
  expect(quantity()).toBe('1');
  await vi.advanceTimersByTimeAsync(2000);
  expect(quantity()).toBe('2');
});

test('an amount that was changed can be put back, to the last digit', async () => {
  portfolio.apply(document('"btcusdt":0.123456789012345678'));
  await changeQuantity('btcusdt', '2');
  portfolio.apply(document('"btcusdt":2'));
  expect(toasts.list.at(-1)?.text).toContain('2 BTCUSDT');
  expect(toasts.undo()).toBe(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(api.patch.mock.calls.at(-1)?.[1]).toEqual({ body: { symbol: 'btcusdt', quantity: '0.123456789012345678' } });
});

test('so is a coin that was removed', async () => {
  api.get.mockResolvedValue(document(''));
  await removeCoin(portfolio.holdings[0]!);
  await vi.advanceTimersByTimeAsync(2000);
  expect(portfolio.holdings).toEqual([]);
});

test('the message names which of two quotes was removed', async () => {
  directory.take([['btcusdt', 'USDT'], ['btcfdusd', 'FDUSD']].map(([symbol, quote]) => ({ symbol, base: 'BTC', quote, status: 'TRADING' }) as ListedSymbol));
  portfolio.apply(document('"btcusdt":1,"btcfdusd":2'));
  await removeCoin(portfolio.holding('btcfdusd')!);
  expect(toasts.list.at(-1)?.text).toContain('BTC/FDUSD');
});

test('without a connection the change is read at once', async () => {
  portfolio.connection = { state: 'waiting', until: 0 };
  api.get.mockResolvedValue(document('"btcusdt":1,"ethusdt":3'));
  await addCoin('ethusdt', '3');
  expect(portfolio.holding('ethusdt')?.quantity).toBe('3');
});

test('what was asked for one person does not show to the next', async () => {
  portfolio.connection = { state: 'waiting', until: 0 };
  let answer = (_: ProfileDocument): void => undefined;
  api.get.mockReturnValue(new Promise((resolve) => (answer = resolve)));
  const added = addCoin('ethusdt', '3');
  await vi.advanceTimersByTimeAsync(0);
  portfolio.close();
  answer(document('"btcusdt":1,"ethusdt":3'));
  await added;
  expect([portfolio.known, portfolio.holdings]).toEqual([false, []]);
});

test('nothing is asked for who has left meanwhile', async () => {
  await changeQuantity('btcusdt', '2');
  portfolio.close();
  await vi.advanceTimersByTimeAsync(2000);
  expect(api.get).not.toHaveBeenCalled();
});

test('a removal whose session has ended meanwhile offers no undo', async () => {
  let answer = (): void => undefined;
  api.remove.mockReturnValue(new Promise<void>((resolve) => (answer = resolve)));
  const removed = removeCoin(portfolio.holdings[0]!);
  portfolio.close();
  portfolio.open();
  answer();
  await removed;
  expect(toasts.undo()).toBe(false);
});

test('another currency is kept by the server, and shown by its document', async () => {
  const inEuros = { ...document('"btcusdt":1'), Currency: 'EUR' };
  await chooseCurrency('EUR');
  expect(api.patch.mock.calls.at(-1)).toEqual(['/v2/user/settings', { body: { currency: 'EUR' } }]);
  expect(portfolio.currency).toBe('USDT');
  portfolio.apply(inEuros);
  await vi.advanceTimersByTimeAsync(2000);
  expect([portfolio.currency, api.get.mock.calls.length]).toEqual(['EUR', 0]);
});
