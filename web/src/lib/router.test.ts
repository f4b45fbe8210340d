import { beforeEach, expect, test, vi } from 'vitest';

beforeEach(() => {
  vi.resetModules();
  vi.stubGlobal('addEventListener', () => undefined);
});

async function at(address: string) {
  const url = new URL(address, 'https://example.org');
  vi.stubGlobal('location', { origin: url.origin, pathname: url.pathname, search: url.search });
  return import('./router.svelte');
}

test('a slash at the end changes nothing', async () => {
  const { parse } = await at('/');
  expect(['/', '/market', '/market/', '/login//', '/coin/btcusdt/', '/coin/BTCUSDT', '/coin', '/nowhere/'].map((path) => parse(path))).toEqual([
    { page: 'portfolio' },
    { page: 'market' },
    { page: 'market' },
    { page: 'login' },
    { page: 'coin', symbol: 'btcusdt' },
    { page: 'coin', symbol: 'btcusdt' },
    { page: 'missing' },
    { page: 'missing' },
  ]);
});

test('only pages of our own are come back to', async () => {
  const { ownPath } = await at('/');
  for (const path of ['/', '/coin/btcusdt', '/market?q=btc&quote=all', '/account', '/coin/%E5%B8%81usdt']) expect(ownPath(path)).toBe(path);
  for (const path of [null, '', '//evil', '/\\\\evil', '/\\evil', 'https:evil', 'https://evil/', '/%09/evil', '/\t/evil', '/ /evil', 'market', '/login', '/register?next=/', '/docs', '/v1/auth/logout', '/coin/a/b']) {
    expect(ownPath(path), String(path)).toBeNull();
  }
});

test('logging in leads back to where one was, also by way of signing up', async () => {
  expect((await at('/coin/btcusdt')).loginPath()).toBe('/login?next=%2Fcoin%2Fbtcusdt');
  expect((await at('/market?q=btc')).loginPath()).toBe('/login?next=%2Fmarket%3Fq%3Dbtc');
  expect((await at('/login?next=%2Fcoin%2Fbtcusdt')).loginPath('register')).toBe('/register?next=%2Fcoin%2Fbtcusdt');
  expect((await at('/login?next=//evil')).loginPath('register')).toBe('/register');
  expect((await at('/')).loginPath()).toBe('/login');
});
