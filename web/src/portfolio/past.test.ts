import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ApiError } from '../api/errors';
import type { ListedSymbol } from '../api/types';
import { text } from '../lib/decimal';
import type { Holding, Path } from '../live/portfolio.svelte';
import { directory } from '../market/directory.svelte';
import type { Range } from './history';
import { fetchPast } from './past';

const get = vi.hoisted(() => vi.fn());
vi.mock('../api/client', () => ({ get }));
vi.mock('../live/socket', () => ({ LiveSocket: class {} }));

const NOW = Date.UTC(2026, 0, 2);
const holdings = ['btcusdt', 'ethusdt'].map((symbol) => ({ symbol, quantity: '2' }) as Holding);
const line = (pairs: readonly (readonly [number, string])[]) => pairs.map(([t, c]) => [String(t), c]);
const closes = (...lines: readonly (readonly (readonly [number, string])[])[]) => ({ closes: Object.fromEntries(lines.map((one, index) => [holdings[index]?.symbol, line(one)])) });
const signal = new AbortController().signal;

const LISTING = ['BTC/USDT', 'ETH/USDT', 'ETH/BTC', 'EUR/USDT', 'XRP/TRY'].map((name) => {
  const [base, quote] = name.split('/');
  return { symbol: name.replace('/', '').toLowerCase(), base, quote, status: 'TRADING' } as ListedSymbol;
});

beforeEach(() => {
  directory.take(LISTING);
  vi.useFakeTimers({ now: NOW });
  get.mockReset();
});
afterEach(() => {
  vi.useRealTimers();
});

const START = NOW - 3_600_000;
const MINUTE = 60_000;

const along = (symbol: string) => ({ symbol, backwards: false });
const back = (symbol: string) => ({ symbol, backwards: true });
const TO_USDT = { BTC: [along('btcusdt')], EUR: [along('eurusdt')] };

const valued = (held: readonly Holding[] = holdings, currency = 'USDT', paths: Readonly<Record<string, Path>> = TO_USDT) => ({
  holdings: held,
  currency,
  path: (asset: string): Path | null => (asset === currency ? [] : (paths[asset] ?? null)),
});

async function known(range: Range, ...held: Parameters<typeof valued>) {
  const past = await fetchPast(valued(...held), range, signal);
  if (past.state !== 'known') throw new Error(past.state);
  return { ...past, shown: past.points.map(({ time, value }) => [(time - START) / MINUTE, text(value)]) };
}

test('one request asks for every coin’s closes of the range, and they are added up', async () => {
  get.mockResolvedValue(closes([[START, '1.5'], [START + MINUTE, '2']], [[START, '1.5'], [START + MINUTE, '2']]));
  const { shown, complete } = await known('1h');
  expect(get.mock.calls.map(([path, { query }]) => [path, query])).toEqual([
    ['/v1/market/closes', { symbols: 'btcusdt,ethusdt', interval: '1m', from: String(START) }],
  ]);
  expect(shown).toEqual([[0, '6.0'], [1, '8'], [60, '8']]);
  expect(complete).toBe(true);
});

test('a coin that was last traded before the range has the price of then', async () => {
  get.mockResolvedValue(closes([[START, '1'], [NOW, '2']], [[START - 500 * MINUTE, '10']]));
  const { shown, complete, symbols } = await known('1h');
  expect(shown).toEqual([[0, '22'], [60, '24']]);
  expect([complete, ...symbols]).toEqual([true, 'btcusdt', 'ethusdt']);
});

test('a coin that was traded again late in the range does not cut what was before', async () => {
  get.mockResolvedValue(closes([[START, '1'], [NOW, '2']], [[START - MINUTE, '10'], [START + 40 * MINUTE, '11']]));
  const { shown, complete } = await known('1h');
  expect(shown).toEqual([[0, '22'], [40, '24'], [60, '26']]);
  expect(complete).toBe(true);
});

test('a coin without any price on record, or not listed any more, is left out and named', async () => {
  get.mockResolvedValue(closes([[START, '1']], []));
  const { shown, symbols, missing } = await known('1h');
  expect(shown).toEqual([[0, '2'], [60, '2']]);
  expect([[...symbols], missing]).toEqual([['btcusdt'], ['ethusdt']]);
  get.mockResolvedValue({ closes: { btcusdt: [[String(START), '1']] } });
  expect((await known('1h')).missing).toEqual(['ethusdt']);
});

test('where a coin begins in the range, the curve begins there and is incomplete', async () => {
  get.mockResolvedValue(closes([[START, '1']], [[START + 40 * MINUTE, '1']]));
  const { shown, complete } = await known('1h');
  expect(shown).toEqual([[40, '4'], [60, '4']]);
  expect(complete).toBe(false);
});

const some = (...symbols: readonly string[]) => symbols.map((symbol) => ({ symbol, quantity: '2' }) as Holding);

test('coins of several quotes are added up in the currency, at the rates of then', async () => {
  get.mockResolvedValue({
    closes: { btcusdt: line([[START, '100'], [START + MINUTE, '200']]), ethbtc: line([[START, '0.5']]), eurusdt: line([[START, '1.25'], [NOW, '1']]) },
  });
  const { shown, missing, unconverted } = await known('1h', some('btcusdt', 'ethbtc', 'eur', 'usdt'));
  expect(get.mock.calls[0]?.[1].query.symbols).toBe('btcusdt,ethbtc,eurusdt');
  expect(shown).toEqual([[0, '304.50'], [1, '604.50'], [60, '604.0']]);
  expect([missing, unconverted]).toEqual([[], []]);
});

test('a pair that is listed the other way round divides', async () => {
  get.mockResolvedValue({ closes: { btcusdt: line([[START, '100']]), eurusdt: line([[START, '1.25'], [NOW, '2']]) } });
  const { shown, currency } = await known('1h', some('btcusdt'), 'EUR', { USDT: [back('eurusdt')] });
  expect(shown.map(([at, value]) => [at, Number(value)])).toEqual([[0, 160], [60, 100]]);
  expect(currency).toBe('EUR');
});

test('a way of several pairs converts candle by candle, from where each of them is on record', async () => {
  get.mockResolvedValue({
    closes: {
      btcusdt: line([[START, '100']]),
      eurusdt: line([[START, '2'], [START + 10 * MINUTE, '4']]),
      eurtry: line([[START + 5 * MINUTE, '50'], [NOW, '60']]),
    },
  });
  const { shown, complete } = await known('1h', some('btcusdt'), 'TRY', { USDT: [back('eurusdt'), along('eurtry')] });
  expect(get.mock.calls[0]?.[1].query.symbols).toBe('btcusdt,eurusdt,eurtry');
  expect(shown.map(([at, value]) => [at, Number(value)])).toEqual([[5, 5000], [10, 2500], [60, 3000]]);
  expect(complete).toBe(false);
});

test('where one pair of the way was never traded, the coin is left out and named', async () => {
  get.mockResolvedValue({ closes: { btcusdt: line([[START, '100']]), eurusdt: line([[START, '2']]), eurtry: [] } });
  const { shown, unconverted } = await known('1h', some('btcusdt'), 'TRY', { USDT: [back('eurusdt'), along('eurtry')] });
  expect([shown, unconverted]).toEqual([[], ['btcusdt']]);
});

test('a coin of which no past rate in the currency is known is left out and named', async () => {
  get.mockResolvedValue({ closes: { btcusdt: line([[START, '100']]), ethbtc: line([[START, '0.5']]), xrptry: line([[START, '9']]) } });
  const { shown, missing, unconverted } = await known('1h', some('btcusdt', 'xrptry', 'eur', 'adausdt'));
  expect(shown).toEqual([[0, '200'], [60, '200']]);
  expect([missing, unconverted]).toEqual([['adausdt'], ['xrptry', 'eur']]);
});

test('as many coins as there are cost one request', async () => {
  get.mockResolvedValue({ closes: {} });
  const many = Array.from({ length: 150 }, (_, index) => ({ symbol: `c${index}usdt`, quantity: '1' }) as Holding);
  await fetchPast(valued(many), '24h', signal);
  expect(get).toHaveBeenCalledTimes(1);
});

test('without an answer there is no curve; what is not wanted any more raises', async () => {
  get.mockRejectedValue(new ApiError('history_unavailable', 503, ''));
  expect(await fetchPast(valued(), '24h', signal)).toEqual({ state: 'failed' });
  const controller = new AbortController();
  controller.abort();
  await expect(fetchPast(valued(), '24h', controller.signal)).rejects.toThrow();
});
