/** The market's list and a coin's page: found by typing, sorted, opened, charted; on a phone, by the keyboard, by a stranger. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { add, changed, control, expectFocus, launch, loggedIn, row, until, visitor } from './people.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const rows = (page: Page): Locator => page.locator('[role=row][data-symbol]');
const symbols = (page: Page): Promise<readonly string[]> =>
  rows(page).evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset['symbol'] ?? ''));
const cells = (page: Page, name: string): Promise<readonly string[]> => rows(page).locator(`.${name}`).allInnerTexts();
const price = (page: Page): Promise<string> => page.locator('.head .price').innerText();
const legend = (page: Page): Promise<string> => page.locator('.legend').innerText();
const chart = (page: Page): Locator => page.getByRole('group', { name: 'Price chart' });
const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** The chart's pixels, as one number. */
const picture = (page: Page): Promise<number> =>
  chart(page)
    .locator('canvas')
    .first()
    .evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
      return [...data].reduce((sum, byte) => (sum * 31 + byte) | 0, 7);
    });

async function drawn(page: Page): Promise<void> {
  await until(async () => (await chart(page).locator('canvas').count()) > 0 && (await legend(page)).includes('C '), 'a drawn chart');
}

async function axe(page: Page): Promise<readonly string[]> {
  return page.evaluate(async (source) => {
    const run = (0, eval)(`${source}; axe`) as typeof import('axe-core');
    const { violations } = await run.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
  }, AXE);
}

test('a stranger finds a coin by typing, and its chart is drawn and moves', async () => {
  const { page, context, complaints } = await visitor(browser);
  await page.goto('/market');
  await rows(page).first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('btc');
  await until(async () => (await symbols(page))[0] === 'btcusdt', 'the coin itself comes first');
  expect(await symbols(page)).not.toContain('ethusdt');
  await page.keyboard.press('ArrowDown');
  await expectFocus(row(page, 'btcusdt').locator('a'));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'BTC/USDT' }).waitFor();
  await drawn(page);
  await changed(() => price(page));
  await changed(() => picture(page));
  expect(await page.title()).toMatch(/^[\d,]+\.\d+ BTC\/USDT/);
  await page.getByRole('link', { name: 'Charts by TradingView' }).waitFor();
  await page.goBack();
  await until(async () => (await symbols(page))[0] === 'btcusdt', 'the search is still there');
  expect(await page.getByLabel('Search coins').inputValue()).toBe('btc');
  expect(complaints).toEqual([]);
  await context.close();
});

test('the list is sorted by any column, and each quote has its own', async () => {
  const { page, context } = await visitor(browser);
  await page.goto('/market?quote=all');
  await rows(page).first().waitFor();
  await page.getByRole('button', { name: 'Coin', exact: true }).click();
  const names = await cells(page, 'coin b');
  expect(names.length).toBeGreaterThan(10);
  expect(names).toEqual([...names].sort());
  await page.getByRole('button', { name: '24 h', exact: true }).click();
  expect(await page.getByRole('columnheader', { name: '24 h', exact: true }).getAttribute('aria-sort')).toBe('descending');
  const changes = (await cells(page, 'change')).slice(0, 8).map((text) => Number(text.replace('−', '-').replace(/[^\d.-]/g, '')));
  // Prices tick after the order was made: it is the order of a moment ago.
  expect((changes[0] ?? 0) - (changes.at(-1) ?? 0)).toBeGreaterThan(0);
  const quotes = page.getByRole('group', { name: 'Priced in' });
  await quotes.getByRole('button', { name: 'USDT', exact: true }).click();
  await until(async () => (await symbols(page)).every((symbol) => symbol.endsWith('usdt')), 'only what is priced in USDT');
  expect(new URL(page.url()).search).toBe('?quote=usdt&sort=change-down');
  expect(await page.getByRole('status').filter({ hasText: 'coins' }).innerText()).toMatch(/^\d+ coins$/);
  await context.close();
});

test('prices are live, sparklines are there where there is a past, and only what is near is in the document', async () => {
  const { page, context } = await visitor(browser);
  // As in the oldest browsers that the app runs in.
  await page.addInitScript(() => {
    for (const name of ['any', 'timeout']) Reflect.deleteProperty(AbortSignal, name);
    for (const name of ['withResolvers', 'try']) Reflect.deleteProperty(Promise, name);
    for (const name of ['union', 'intersection', 'difference']) Reflect.deleteProperty(Set.prototype, name);
  });
  await page.goto('/market?quote=all');
  await changed(() => row(page, 'btcusdt').locator('.price').innerText());
  await row(page, 'btcusdt').locator('svg path').first().waitFor();
  const all = Number(await page.getByRole('table').getAttribute('aria-rowcount')) - 1;
  const before = await symbols(page);
  expect(before.length).toBeLessThan(all);
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await until(async () => Number(await rows(page).last().getAttribute('aria-rowindex')) === all + 1, 'the last row');
  expect((await symbols(page)).length).toBeLessThan(all);
  await page.getByRole('button', { name: 'Coin', exact: true }).click();
  await until(async () => Number(await rows(page).first().getAttribute('aria-rowindex')) === 2, 'a new order begins at its beginning');
  await context.close();
});

test('the keyboard goes through the list, and never loses its place', async () => {
  const { page, context } = await visitor(browser);
  await page.goto('/market?quote=all&sort=coin-up');
  await rows(page).first().waitFor();
  await page.getByLabel('Search coins').press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  const focused = (): Promise<string | undefined> =>
    page.evaluate(() => document.activeElement?.closest<HTMLElement>('[data-index]')?.dataset['index']);
  expect(await focused()).toBe('1');
  await page.keyboard.press('End');
  const all = Number(await page.getByRole('table').getAttribute('aria-rowcount')) - 1;
  await until(async () => (await focused()) === String(all - 1), 'the last row has the focus');
  await page.mouse.wheel(0, -100_000);
  await until(async () => (await symbols(page)).length > 5 && (await page.evaluate(() => scrollY)) === 0, 'the top of the page');
  expect(await focused()).toBe(String(all - 1));
  await page.keyboard.press('Home');
  await until(async () => (await focused()) === '0', 'the first row has the focus');
  await context.close();
});

test('what is misspelt leads to what is near', async () => {
  const { page, context } = await visitor(browser);
  await page.goto('/market');
  await rows(page).first().waitFor();
  await page.getByLabel('Search coins').fill('btcusdx');
  await page.getByText('No coins match “btcusdx”.').waitFor();
  await page.locator('.near a').filter({ hasText: 'BTC/USDT' }).click();
  await page.getByRole('heading', { name: 'BTC/USDT' }).waitFor();
  await page.goto('/coin/btcusdx');
  await page.getByText('The exchange has no pair BTCUSDX.').waitFor();
  await page.locator('.unknown a').filter({ hasText: 'BTC/USDT' }).waitFor();
  await context.close();
});

/** As if trades of the hour before, of this one and of the next were missing: the stack keeps no tape. */
async function holes(page: Page): Promise<void> {
  const now = Math.floor(Date.now() / 3_600_000);
  const hours = [-1, 0, 1].map((at) => ({ t: (now + at) * 3_600_000, first: 1, last: 9000, present: 7765, filled: 0, missing: 1234, reason: 'exchange_lacks' }));
  await page.route('**/v1/market/coverage/*', (route) =>
    route.fulfill({ json: { symbol: 'btcusdt', source: 'simulator', from: 0, to: 1, present: 23295, filled: 0, missing: 3702, hours } }),
  );
}

test('intervals and ranges switch, and the crosshair reads exact figures and what is missing', async () => {
  const { page, context, complaints } = await visitor(browser, { serviceWorkers: 'block' });
  await holes(page);
  await page.goto('/coin/btcusdt');
  await drawn(page);
  const range = page.getByRole('group', { name: 'Range' });
  const interval = page.getByRole('group', { name: 'Candle interval' });
  await range.getByRole('button', { name: 'Last month' }).click();
  await until(async () => (await interval.getByRole('button', { name: '1 hour' }).getAttribute('aria-pressed')) === 'true');
  await until(async () => / of 1 hour,/.test(await page.locator('#chart-summary').innerText()), 'hours are shown');
  await interval.getByRole('button', { name: '1 minute' }).click();
  await until(async () => / of 1 minute,/.test(await page.locator('#chart-summary').innerText()), 'minutes are shown');
  expect(await range.getByRole('button', { name: 'Last month' }).getAttribute('aria-pressed')).toBe('false');
  await chart(page).focus();
  const missing = '1,234 trades of this hour are missing: the exchange does not have them.';
  await page.getByText(/^Trades are missing in \d hours of this chart: [2-9],\d+ in all\.$/).waitFor();
  await page.keyboard.press('End');
  await page.getByRole('status').filter({ hasText: missing }).waitFor();
  for (let step = 0; step < 4; step++) await page.keyboard.press('ArrowLeft');
  const spoken = page.getByRole('status').filter({ hasText: 'Open' });
  await spoken.waitFor();
  const [open] = /Open ([\d,]+\.\d+),/.exec(await spoken.innerText())?.slice(1) ?? [];
  expect(open).toMatch(/^[\d,]+\.\d+$/);
  expect(await legend(page)).toContain('O ');
  await page.keyboard.press('Escape');
  await spoken.waitFor({ state: 'detached' });
  expect(complaints).toEqual([]);
  await context.close();
});

test('older candles come when the chart is moved to its left edge', async () => {
  const { page, context } = await visitor(browser);
  const asked: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/history/') && request.url().includes('to=')) asked.push(request.url());
  });
  await page.goto('/coin/btcusdt');
  await drawn(page);
  await page.getByRole('group', { name: 'Candle interval' }).getByRole('button', { name: '1 minute' }).click();
  await page.getByRole('group', { name: 'Range' }).getByRole('button', { name: 'Last hour' }).click();
  await until(async () => /^[1-6]\d candles of 1 minute/.test(await page.locator('#chart-summary').innerText()), 'an hour');
  const box = await chart(page).boundingBox();
  if (box === null) throw new Error('no chart');
  await until(async () => {
    await page.mouse.move(box.x + 50, box.y + 100);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 100, box.y + 100, { steps: 5 });
    await page.mouse.up();
    return asked.length > 0;
  }, 'a question about older candles');
  await context.close();
});

test('an empty history shows how to fill it, and the price keeps ticking while history cannot be read', async () => {
  const { page, context } = await visitor(browser);
  await page.goto('/coin/btcusdt');
  await drawn(page);
  // This stack records no candles of one second.
  await page.getByRole('group', { name: 'Candle interval' }).getByRole('button', { name: '1 second' }).click();
  await page.getByText('make backfill SYMBOL=btcusdt').waitFor();
  await page.route('**/v1/market/history/**', (route) =>
    route.fulfill({ status: 503, json: { error: 'History cannot be read now.', code: 'history_unavailable' } }),
  );
  await page.getByRole('group', { name: 'Range' }).getByRole('button', { name: 'Last week' }).click();
  await page.getByText('Price history is unavailable right now.').waitFor();
  await changed(() => price(page));
  await page.unroute('**/v1/market/history/**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await drawn(page);
  await context.close();
});

test('a coin is added from the list and changed on its page', async () => {
  const { page, context, complaints } = await loggedIn(browser);
  await page.getByRole('link', { name: 'Market', exact: true }).click();
  await row(page, 'ethusdt').getByRole('button', { name: 'Add ETH to the portfolio' }).click();
  await page.getByLabel('Amount of ETH').fill('nonsense');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'This is not a number.' }).waitFor();
  await page.getByLabel('Amount of ETH').fill('2.5');
  await page.keyboard.press('Enter');
  await page.getByText('ETH added: 2.5.').waitFor();
  await row(page, 'ethusdt').getByRole('button', { name: 'In the portfolio: 2.5 ETH. Edit' }).waitFor();
  await row(page, 'ethusdt').locator('a').click();
  const mine = page.getByRole('region', { name: 'My ETH' });
  await until(async () => (await mine.innerText()).includes('2.5'), 'the amount');
  await mine.getByRole('button', { name: 'Edit' }).click();
  await page.getByLabel('Amount of ETH').fill('0.123456789012345678');
  await page.keyboard.press('Enter');
  await until(async () => (await mine.innerText()).includes('0.123456789012345678'), 'the new amount');
  await mine.getByRole('button', { name: 'Edit' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await mine.getByText('Not in your portfolio.').waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

test('a simulated market is marked, once, also in an empty portfolio', async () => {
  const { page, context } = await loggedIn(browser);
  const mark = page.getByText('Simulated market');
  await page.getByRole('link', { name: 'Market' }).click();
  await rows(page).first().waitFor();
  await mark.waitFor();
  await page.getByRole('link', { name: 'Portfolio' }).click();
  await add(page, 'btc/usdt', '1');
  await row(page, 'btcusdt').waitFor();
  await page.getByRole('link', { name: 'Market' }).click();
  await rows(page).first().waitFor();
  await until(async () => (await mark.count()) === 1, 'one mark');
  await context.close();
});

test('a stranger who wants to add a coin is led to where that can be done', async () => {
  const { page, context } = await visitor(browser);
  await page.goto('/market');
  await row(page, 'btcusdt').getByRole('button', { name: 'Add BTC to the portfolio' }).click();
  await page.locator('input[name=password]').waitFor();
  await context.close();
});

test('a phone has it all, and no sideways scrolling', async () => {
  const { page, context, complaints } = await visitor(browser, PHONE);
  await page.goto('/market');
  await rows(page).first().waitFor();
  expect(await overflow(page)).toBe(0);
  await page.getByRole('group', { name: 'Movers of the last 24 h' }).getByRole('button', { name: 'Losers' }).tap();
  await page.locator('.card.chosen .down').first().waitFor();
  await row(page, 'btcusdt').locator('a').tap();
  await drawn(page);
  expect(await overflow(page)).toBe(0);
  const box = await chart(page).boundingBox();
  expect(box?.width).toBeGreaterThan(300);
  await page.setViewportSize({ width: 844, height: 390 });
  await until(async () => ((await chart(page).locator('canvas').first().boundingBox())?.width ?? 0) > 500, 'the chart turns with the phone');
  expect(complaints).toEqual([]);
  await context.close();
});

test('Russian, with its own figures, on a narrow phone', async () => {
  const { page, context } = await visitor(browser, { ...PHONE, viewport: { width: 340, height: 740 }, locale: 'ru-RU' });
  await page.goto('/market');
  await page.getByRole('heading', { name: 'Рынок' }).waitFor();
  await rows(page).first().waitFor();
  await page.getByText('Симулятор рынка').waitFor();
  expect(await overflow(page)).toBe(0);
  expect(await row(page, 'btcusdt').locator('.price').innerText()).toMatch(/^\d+\s\d{3},\d+/);
  const names = row(page, 'btcusdt').locator('.names');
  expect(await names.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBe(0);
  await row(page, 'btcusdt').locator('a').click();
  await page.getByRole('group', { name: 'График цены' }).waitFor();
  expect(await overflow(page)).toBe(0);
  await context.close();
});

test('paper gets every row of the market, and the chart as a picture', async () => {
  const { page, context, complaints } = await visitor(browser, { colorScheme: 'dark' });
  const printed = async (): Promise<unknown> => {
    await page.pdf();
    return page.evaluate(() => (window as { printed?: unknown }).printed);
  };
  await page.goto('/market?quote=all');
  await rows(page).first().waitFor();
  const all = Number(await page.getByRole('table').getAttribute('aria-rowcount')) - 1;
  expect((await symbols(page)).length).toBeLessThan(all);
  await page.evaluate(() =>
    addEventListener('beforeprint', () => Object.assign(window, { printed: document.querySelectorAll('[role=row][data-symbol]').length })),
  );
  expect(await printed()).toBe(all);
  await until(async () => (await symbols(page)).length < all, 'the rows near the screen');
  await page.goto('/coin/btcusdt');
  await drawn(page);
  await page.evaluate(() =>
    addEventListener('beforeprint', () => {
      const canvas = document.querySelector<HTMLCanvasElement>('.chart .paper');
      const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      const scheme = getComputedStyle(document.documentElement).colorScheme;
      Object.assign(window, { printed: { scheme, drawn: pixels.some((byte) => byte > 0) } });
    }),
  );
  expect(await printed()).toEqual({ scheme: 'light', drawn: true });
  await chart(page).locator('.paper').waitFor({ state: 'detached' });
  const rest = (): Promise<number> =>
    chart(page).evaluate((box) => box.clientWidth - (box.querySelector('.tv-lightweight-charts')?.clientWidth ?? 0));
  await until(async () => Math.abs(await rest()) <= 1, 'a chart as wide as its box');
  expect(complaints).toEqual([]);
  await context.close();
});

test.each(['light', 'dark'] as const)('axe finds nothing, in %s', async (colorScheme) => {
  const { page, context } = await loggedIn(browser, { colorScheme, bypassCSP: true, reducedMotion: 'reduce', serviceWorkers: 'block' });
  await holes(page);
  const found: Record<string, readonly string[]> = {};
  await page.goto('/market');
  await row(page, 'btcusdt').waitFor();
  found['market'] = await axe(page);
  await row(page, 'btcusdt').getByRole('button').click();
  await page.getByRole('dialog').waitFor();
  found['dialog'] = await axe(page);
  await page.keyboard.press('Escape');
  await page.getByLabel('Search coins').fill('nothing such');
  await page.getByText('No coins match').waitFor();
  found['nothing'] = await axe(page);
  await page.goto('/coin/btcusdt');
  await drawn(page);
  await page.getByText('Which ones, and why').click();
  found['coin'] = await axe(page);
  await page.setViewportSize(PHONE.viewport);
  found['coin on a phone'] = await axe(page);
  await page.goto('/market');
  await row(page, 'btcusdt').waitFor();
  found['market on a phone'] = await axe(page);
  expect(Object.fromEntries(Object.entries(found).filter(([, problems]) => problems.length > 0))).toEqual({});
  await context.close();
});

// Last, for it takes a server away from the others.
test('when the market stops answering, figures stay with their time, and resume by themselves', async () => {
  const { page, context } = await visitor(browser);
  await page.goto('/market');
  await changed(() => row(page, 'btcusdt').locator('.price').innerText());
  await control('stop', 'dashboard');
  try {
    await page.getByRole('status').filter({ hasText: 'No answer since' }).waitFor();
    expect(await row(page, 'btcusdt').locator('.price').innerText()).toMatch(/\d/);
    // A page opened now shows why it is empty, until there are figures.
    await page.reload();
    const unavailable = page.getByText('Market data is unavailable right now.');
    await unavailable.waitFor();
    const asked = page.waitForResponse('**/v1/market/prices**');
    await page.getByRole('button', { name: 'Try again' }).click();
    await asked;
    expect(await unavailable.isVisible()).toBe(true);
  } finally {
    await control('start', 'dashboard');
  }
  await row(page, 'btcusdt').waitFor();
  await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
  await changed(() => row(page, 'btcusdt').locator('.price').innerText());
  await context.close();
});
