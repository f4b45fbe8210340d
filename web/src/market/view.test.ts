import { beforeEach, expect, test, vi } from 'vitest';

import { View } from './view.svelte';

let address = '';
beforeEach(() => {
  vi.stubGlobal('location', { pathname: '/market' });
  vi.stubGlobal('history', { state: null, replaceState: (_: unknown, __: string, path: string) => (address = path) });
  address = '';
});

test('unless asked otherwise, what is traded most in the most usual asset comes first', () => {
  const view = new View('');
  expect(view.order).toEqual({ by: 'volume', ascending: false });
  expect(view.quote(['usdt', 'btc'])).toBe('usdt');
  expect(view.quote([])).toBeNull();
  expect(view.query).toBe('');
});

test('what is asked for is in the address, and comes back from it', () => {
  const view = new View('');
  view.find('eth');
  view.chooseQuote(null);
  view.sortBy('change');
  view.sortBy('change');
  expect(address).toBe('/market?q=eth&quote=all&sort=change-up');
  const again = new View(address.slice('/market'.length));
  expect([again.search, again.quote(['usdt']), again.order]).toEqual(['eth', null, { by: 'change', ascending: true }]);
});

test('an invented address is read as far as it makes sense', () => {
  const view = new View('?sort=nonsense&q=' + 'x'.repeat(999));
  expect(view.order).toEqual({ by: 'volume', ascending: false });
  expect(view.search.length).toBe(40);
});
