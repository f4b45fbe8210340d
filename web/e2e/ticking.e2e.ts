/** What must hold while prices tick, however fast or slow the machine is. How fast the page is: perf/page.perf.ts. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { busy, fill, heapMegabytes, observe, replay, replayedFor, rows, seen } from '../perf/measure.ts';
import { add, changed, launch, loggedIn, row, total, until } from './people.ts';

const COINS = 20;
const HALF_AN_HOUR = 1800;
/** Of a heap of some 5 MB: what a leak of a kilobyte a tick would make of it is more. */
const MOST_GROWTH_MB = 1;
/** A thousandth of what is called good: a figure may become a digit wider, no row may move. */
const MOST_SHIFT = 0.0001;

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test('ticks and interactions are measured as such, and ticks move nothing', async () => {
  const { page, context } = await loggedIn(browser, { viewport: { width: 1440, height: 900 } });
  await fill(page, COINS);
  await observe(context);
  await page.reload();
  await rows(page, COINS);
  await page.locator('canvas').first().waitFor();
  await busy(page);
  await until(async () => (await seen(page)).events.length > 0, 'an interaction');
  // What comes late on a busy machine is no tick: the day's change, the curve, the names, and what the interactions have painted.
  await until(async () => /%/.test(await page.locator('.day').innerText()), 'the change of the day');
  await until(async () => (await page.locator('[role=row] .change').filter({ hasText: '%' }).count()) === COINS, 'every coin’s change');
  await page.getByRole('img', { name: /^Line chart: from/ }).waitFor();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const { written } = await seen(page);
  const from = await page.evaluate(() => performance.now());
  await until(async () => (await seen(page)).written.length >= written.length + 5, '5 ticks');
  const { written: all, shifts } = await seen(page);
  expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
  const shifted = shifts.filter(({ at }) => at > from);
  expect(shifted.reduce((sum, { value }) => sum + value, 0)).toBeLessThanOrEqual(MOST_SHIFT);
  await context.close();
});

test('an hour of ticks leaves the memory as it was', async () => {
  const { page, context } = await loggedIn(browser, { viewport: { width: 1440, height: 900 } });
  await fill(page, COINS);
  const symbols = await page.locator('[data-symbol]').evaluateAll((found) => found.map((one) => one.getAttribute('data-symbol') ?? ''));
  await replayedFor(context, symbols);
  await page.reload();
  await page.locator('canvas').first().waitFor();
  const session = await context.newCDPSession(page);
  await replay(page, HALF_AN_HOUR);
  const half = await heapMegabytes(session);
  await replay(page, HALF_AN_HOUR);
  // What is still to be collected goes by itself; a leak stays.
  await until(async () => (await heapMegabytes(session)) < half + MOST_GROWTH_MB, `a heap of ${half} MB`);
  expect(await total(page)).toContain('103,600.5');
  await context.close();
});

/** How often a cell has lit up while the total changed a few times. */
async function flashes(page: Page): Promise<number> {
  await page.evaluate(() => {
    const counted = Object.assign(window, { flashes: 0 });
    new MutationObserver((changes) => (counted.flashes += changes.length)).observe(document.body, { subtree: true, attributeFilter: ['data-flash'] });
  });
  for (let tick = 0; tick < 3; tick++) await changed(() => total(page));
  return page.evaluate(() => (window as unknown as { flashes: number }).flashes);
}

test.each([
  ['no-preference', true],
  ['reduce', false],
] as const)('cells light up as they change, unless reduced motion is requested: %s', async (reducedMotion, lit) => {
  const { page, context } = await loggedIn(browser, { reducedMotion });
  await add(page, 'btc/usdt', '1');
  await row(page, 'btcusdt').waitFor();
  expect((await flashes(page)) > 0).toBe(lit);
  await context.close();
});

test('one coin in two quotes is two coins', async () => {
  const { page, context, complaints } = await loggedIn(browser, { serviceWorkers: 'block' });
  // Assets come from the listing alone, and the simulated one has no second quote of BTC.
  await context.route(/\/v1\/market\/symbols\?limit/, async (route) => {
    const answer = await route.fetch();
    const { symbols } = (await answer.json()) as { symbols: unknown[] };
    await route.fulfill({ response: answer, json: { symbols: [...symbols, { symbol: 'btcfdusd', base: 'BTC', quote: 'FDUSD', status: 'TRADING' }], next: null } });
  });
  await replayedFor(context, ['btcusdt', 'btcfdusd', 'ethusdt']);
  await page.reload();
  await row(page, 'btcfdusd').waitFor();
  await rows(page, 3);
  const allocation = page.getByRole('region', { name: 'Allocation' }).getByRole('listitem');
  const names = ['BTC/FDUSD', 'BTC/USDT', 'ETH'];
  // The names come with the exchange's listing.
  await until(async () => (await allocation.allInnerTexts()).map((one) => one.split(/\s/)[0]).sort().join() === names.join(), 'the names');
  for (const coin of names) expect(await page.getByRole('button', { name: `Remove ${coin}`, exact: true }).count()).toBe(1);
  expect(complaints).toEqual([]);
  await context.close();
});
