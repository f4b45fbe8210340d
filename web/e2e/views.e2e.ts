/** Every page in every dress: sizes, colours, languages; axe finds nothing, and nothing is wider than the screen. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { add, SITE_URL, changed, launch, loggedIn, row, total, until, visitor } from './people.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** What axe has against the page, by the rules of WCAG 2.2 AA and its own best practices. */
async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  return page.evaluate(async (source) => {
    // Not a script element: the page's policy would refuse it.
    const axe = (0, eval)(`${source}; axe`) as typeof import('axe-core');
    const { violations } = await axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
  }, AXE);
}

const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test.each(['light', 'dark'] as const)('axe finds nothing, in %s', async (colorScheme) => {
  // Only here may scripts be evaluated: axe is not the page's own.
  const { page, context } = await loggedIn(browser, { colorScheme, bypassCSP: true, reducedMotion: 'reduce' });
  const found: Record<string, readonly string[]> = {};
  found['empty'] = await accessibilityProblems(page);
  await add(page, 'btc/usdt', '1.5');
  await row(page, 'btcusdt').waitFor();
  await add(page, 'eth/usdt', '2');
  await row(page, 'ethusdt').waitFor();
  await page.locator('canvas').first().waitFor();
  found['portfolio'] = await accessibilityProblems(page);
  await page.locator('[role=combobox]').fill('so');
  await page.locator('[role=option]').first().waitFor();
  found['search'] = await accessibilityProblems(page);
  await page.keyboard.press('Escape');
  await row(page, 'ethusdt').locator('.edit').click();
  found['editing'] = await accessibilityProblems(page);
  await page.goto('/account');
  await page.getByText('this one').waitFor();
  found['account'] = await accessibilityProblems(page);
  await page.getByRole('button', { name: 'Delete account' }).click();
  found['dialog'] = await accessibilityProblems(page);
  await page.keyboard.press('Escape');
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto('/');
  await row(page, 'btcusdt').waitFor();
  found['phone'] = await accessibilityProblems(page);
  await context.clearCookies();
  await page.evaluate(() => localStorage.clear());
  await page.goto('/login');
  await page.locator('input[name=password]').waitFor();
  found['login'] = await accessibilityProblems(page);
  expect(Object.fromEntries(Object.entries(found).filter(([, problems]) => problems.length > 0))).toEqual({});
  await context.close();
});

test('a phone has everything: add, change, remove, and no sideways scrolling', async () => {
  const { page, context, complaints } = await loggedIn(browser, {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  });
  expect(await overflow(page)).toBe(0);
  await page.getByRole('button', { name: 'BTC', exact: true }).tap();
  await page.keyboard.type('0.123456789012345678');
  await page.getByRole('button', { name: 'Add', exact: true }).tap();
  await row(page, 'btcusdt').waitFor();
  await page.locator('canvas').first().waitFor();
  await changed(() => total(page));
  expect(await overflow(page)).toBe(0);
  await row(page, 'btcusdt').locator('.edit').tap();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('2');
  await page.getByRole('button', { name: 'Save' }).tap();
  await until(async () => (await row(page, 'btcusdt').locator('.edit').innerText()) === '2', 'the new amount');
  await row(page, 'btcusdt').locator('.edit').tap();
  await page.getByRole('button', { name: 'Remove BTC' }).tap();
  await page.getByText('Your portfolio is empty').waitFor();
  await page.getByRole('link', { name: 'Account' }).tap();
  await page.getByText('this one').waitFor();
  expect(await overflow(page)).toBe(0);
  expect(complaints).toEqual([]);
  await context.close();
});

test('Russian: chosen by the browser, remembered, with its own figures', async () => {
  const { page, context } = await loggedIn(browser, { locale: 'ru-RU' });
  await page.getByText('В портфеле пока пусто').waitFor();
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('ru');
  await add(page, 'btc/usdt', '1234,5');
  await row(page, 'btcusdt').waitFor();
  expect((await row(page, 'btcusdt').locator('.edit').innerText()).replace(/\s/g, ' ')).toBe('1 234,5');
  await page.getByText('1 монета').or(page.getByText('Симулятор рынка')).first().waitFor();
  await page.getByRole('button', { name: 'RU Язык: Русский' }).click();
  await page.getByText('Holdings').waitFor();
  await page.reload();
  await page.getByText('Holdings').waitFor();
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('en');
  await context.close();
});

test('the theme that was chosen is there before anything is painted', async () => {
  const { page, context } = await visitor(browser, { colorScheme: 'light' });
  await page.goto('/login');
  const button = page.getByRole('button', { name: /^Theme/ });
  await button.click();
  await button.click();
  await page.addInitScript(() => {
    new MutationObserver(() => {
      const seen = window as { firstSeen?: string };
      if (document.body !== null) seen.firstSeen ??= document.documentElement.dataset['theme'] ?? 'none';
    }).observe(document, { childList: true, subtree: true });
  });
  await page.reload();
  await page.locator('input[name=password]').waitFor();
  expect(await page.evaluate(() => (window as { firstSeen?: string }).firstSeen)).toBe('dark');
  await context.close();
});

test('the page sends requests to its own server only, and keeps no token where a script could find it', async () => {
  const { page, context } = await visitor(browser);
  const asked = new Set<string>();
  page.on('request', (request) => asked.add(new URL(request.url()).origin));
  await page.goto('/register');
  await page.fill('input[name=username]', `q${Date.now().toString(36)}`);
  await page.fill('input[name=password]', 'correct horse battery');
  await page.click('form button[type=submit]');
  await page.locator('[role=combobox]').waitFor();
  await add(page, 'btc/usdt', '1');
  await row(page, 'btcusdt').waitFor();
  await page.locator('canvas').first().waitFor();
  expect([...asked]).toEqual([SITE_URL]);
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  expect(kept).not.toMatch(/eyJ|refreshToken/);
  await context.close();
});

test('a new version is offered until it is taken, once, in the language of the page', async () => {
  const { page, context } = await loggedIn(browser);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await until(() => page.evaluate(() => navigator.serviceWorker.controller !== null), 'a worker in charge');
  const offer = page.getByRole('button', { name: 'Update' });
  expect(await offer.count()).toBe(0);
  await page.reload();
  await page.locator('[role=combobox]').waitFor();
  // As when another tab has let the new worker in.
  await until(async () => {
    await page.evaluate(() => navigator.serviceWorker.dispatchEvent(new Event('controllerchange')));
    return (await offer.count()) === 1;
  }, 'the offer');
  await page.getByRole('button', { name: 'EN Language: English' }).click();
  await page.getByText('Доступна новая версия.').waitFor();
  expect(await page.getByRole('group').filter({ hasText: /верси/ }).count()).toBe(1);
  await page.getByRole('link', { name: 'Аккаунт' }).click();
  await page.getByRole('button', { name: 'Выйти' }).click();
  await page.locator('input[name=password]').waitFor();
  const again = page.waitForEvent('load');
  await page.getByRole('button', { name: 'Обновить', exact: true }).click();
  await again;
  await context.close();
});

test('it can be installed, opens without a network, and keeps no answer of the API', async () => {
  const { page, context } = await loggedIn(browser);
  await add(page, 'btc/usdt', '1');
  await row(page, 'btcusdt').waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready);
  const keys = await page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map(({ url }) => new URL(url).pathname);
  });
  expect(keys).toContain('/');
  expect(keys.filter((path) => path.startsWith('/v'))).toEqual([]);
  await page.reload();
  await context.setOffline(true);
  await page.reload();
  await page.getByText('is unavailable right now').or(page.getByText('Offline')).first().waitFor();
  await context.setOffline(false);
  await row(page, 'btcusdt').waitFor();
  const manifest = await (await fetch(`${SITE_URL}/manifest.webmanifest`)).json() as { icons: { src: string; sizes: string }[] };
  for (const { src } of manifest.icons) expect((await fetch(SITE_URL + src)).headers.get('content-type')).toBe('image/png');
  await context.close();
});
