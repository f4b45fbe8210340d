import { render } from 'svelte/server';
import { beforeEach, expect, test, vi } from 'vitest';

import type { ListedSymbol, ProfileDocument } from '../api/types';
import { locale } from '../lib/i18n.svelte';
import { parseExact } from '../lib/json';
import { portfolio } from '../live/portfolio.svelte';
import { directory } from '../market/directory.svelte';
import Summary from './Summary.svelte';

vi.mock('../api/client', () => ({}));
vi.mock('../lib/printing.svelte', () => ({ printing: { active: false } }));
vi.mock('../live/socket', () => ({ LiveSocket: class { open = () => undefined; close = () => undefined; } }));

const shown = (): string => render(Summary).body.replace(/<!--.*?-->/gs, '').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');

beforeEach(() => {
  locale.choose('en');
  directory.take([['btcusdt', 'BTC', 'USDT'], ['xrptry', 'XRP', 'TRY'], ['adabrl', 'ADA', 'BRL']].map(([symbol, base, quote]) => ({ symbol, base, quote, status: 'TRADING' }) as ListedSymbol));
  portfolio.apply(
    parseExact(
      '{"ID":1,"Name":"ada","Coins":{"Quantities":{"btcusdt":1,"xrptry":2,"adabrl":1,"brl":5},"Prices":{"btcusdt":100,"xrptry":20},"Totals":{},"Values":{"btcusdt":80.5},"Times":{"btcusdt":1,"xrptry":2}},' +
        '"Total":80.5,"UpdatedAt":2,"Source":"simulator","Currency":"EUR","Unvalued":["xrptry","adabrl","brl"],"RatesAt":1767225600000}',
    ) as ProfileDocument,
  );
});

test('the total is shown with its currency, and what it leaves out by name and reason', () => {
  expect(shown()).toMatch(/80\.50 EUR/);
  expect(shown()).toMatch(/The oldest rate that converts into EUR is of .*20(25|26)/);
  expect(shown()).toContain('Not in the total: ADA. No price yet.');
  expect(shown()).toContain('Not in the total: XRP, BRL. The exchange has no rate into EUR right now.');
});

test('in Russian, too', () => {
  locale.choose('ru');
  expect(shown()).toContain('В общую стоимость не включено: ADA. Цены пока нет.');
  expect(shown()).toContain('В общую стоимость не включено: XRP, BRL. Сейчас на бирже нет курса к EUR.');
});

test('the currencies that something is priced in are offered, and the one that is chosen', () => {
  const select = /<select.*?<\/select>/s.exec(render(Summary).body)?.[0] ?? '';
  expect([...select.matchAll(/<option value="(\w+)"( selected="")?/g)].map(([, value, chosen]) => [value, chosen !== undefined])).toEqual([
    ['BRL', false],
    ['TRY', false],
    ['USDT', false],
    ['BTC', false],
    ['EUR', true],
  ]);
});
