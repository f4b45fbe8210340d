/** What a person sees when something fails, and that it is right again afterwards without them doing anything. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { add, changed, control, launch, loggedIn, row, total } from './people.ts';

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const status = (page: Page, text: string) => page.getByRole('status').filter({ hasText: text });

test('a device without a network keeps its connection to a server on itself', async () => {
  const { page, context } = await loggedIn(browser);
  await add(page, 'btc/usdt', '1');
  await row(page, 'btcusdt').waitFor();
  const opened: string[] = [];
  page.on('websocket', (socket) => opened.push(socket.url()));
  await page.evaluate(() => {
    Object.defineProperty(navigator, 'onLine', { get: () => false });
    dispatchEvent(new Event('offline'));
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await changed(() => total(page));
  await status(page, 'Live').waitFor();
  expect(opened).toEqual([]);
  await context.close();
});

test('a connection that died unnoticed: changes show all the same, and another one is made without a word', async () => {
  const { page, context, complaints } = await loggedIn(browser);
  let connections = 0;
  let lost = 0;
  await page.routeWebSocket(/profile\/ws(\?|$)/, (socket) => {
    const number = ++connections;
    const server = socket.connectToServer();
    server.onMessage((message) => {
      if (number > lost) socket.send(message);
    });
  });
  await page.reload();
  await page.locator('[role=combobox]').waitFor();
  await add(page, 'btc/usdt', '1');
  await row(page, 'btcusdt').waitFor();
  await changed(() => total(page));
  lost = connections;
  await add(page, 'eth/usdt', '2');
  await row(page, 'ethusdt').waitFor();
  await row(page, 'btcusdt').getByRole('button', { name: 'Remove BTC' }).press('Enter');
  await row(page, 'btcusdt').waitFor({ state: 'detached' });
  const shown = await page.evaluateHandle(() => {
    const texts: string[] = [];
    const pill = document.querySelector('header [role=status]');
    new MutationObserver(() => texts.push(pill?.textContent ?? '')).observe(pill ?? document, { characterData: true, childList: true, subtree: true });
    return texts;
  });
  await expect.poll(() => connections, { timeout: 200_000 }).toBeGreaterThan(lost);
  await changed(() => total(page));
  await status(page, 'Live').waitFor();
  expect((await shown.jsonValue()).filter((text) => /econnecting|Offline/.test(text))).toEqual([]);
  expect(complaints).toEqual([]);
  await context.close();
}, 400_000);

test('an error on one page is shown there, and the other pages work', async () => {
  const { page, context } = await loggedIn(browser, { serviceWorkers: 'block' });
  await page.route('**/v1/market/prices*', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replaceAll(/"change_percent_24h":[^,}]+/g, '"change_percent_24h":"none"') });
  });
  await page.goto('/coin/btcusdt');
  await page.getByText('Something went wrong on this page.').waitFor();
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByText('this one').waitFor();
  expect(await page.getByText('Something went wrong on this page.').count()).toBe(0);
  await context.close();
});

test('a refused address is shown as an error, and the page stops waiting', async () => {
  const { page, context } = await loggedIn(browser, { serviceWorkers: 'block' });
  const refusal = { error: 'Refused.', code: 'foreign_origin' };
  await page.route('**/v1/refresh', (route) => route.fulfill({ status: 403, json: refusal }));
  await page.reload();
  await page.getByText('does not accept requests from this address').waitFor();
  await page.locator('input[name=password]').waitFor();
  await context.close();
});

test('logging out with a token that the server no longer takes ends the session all the same', async () => {
  const { page, context } = await loggedIn(browser, { serviceWorkers: 'block' });
  await page.route('**/v1/auth/logout', (route) => route.fulfill({ status: 401, json: { error: 'Over.', code: 'token_expired' } }), { times: 1 });
  await page.goto('/account');
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.locator('input[name=password]').waitFor();
  expect((await context.cookies()).filter(({ name }) => name.includes('refreshToken'))).toEqual([]);
  await context.close();
});

test('while the server restarts the page shows it and keeps its figures, then is live again by itself', async () => {
  const { page, context, complaints } = await loggedIn(browser);
  await add(page, 'btc/usdt', '1');
  await row(page, 'btcusdt').waitFor();
  await changed(() => total(page));
  await control('kill', 'profile');
  await page.getByRole('status').filter({ hasText: 'Reconnecting' }).waitFor();
  const last = await total(page);
  expect(last).toMatch(/\d/);
  await control('start', 'profile');
  await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
  await changed(() => total(page));
  expect(complaints).toEqual([]);
  await context.close();
});

test('prices stop: the figures are called stale, with their time', async () => {
  const { page, context } = await loggedIn(browser);
  await add(page, 'eth/usdt', '1');
  await row(page, 'ethusdt').waitFor();
  await changed(() => total(page));
  await control('stop', 'socket');
  try {
    await page.getByRole('status').filter({ hasText: 'Stale since' }).waitFor();
  } finally {
    await control('start', 'socket');
  }
  await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
  await context.close();
});

test('without history there is still a portfolio', async () => {
  await control('stop', 'dashboard');
  try {
    const { page, context } = await loggedIn(browser);
    // Without the market there are no suggestions, but a complete symbol is accepted.
    await page.locator('[role=combobox]').fill('btcusdt');
    await page.getByLabel('Amount').fill('1');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await row(page, 'btcusdt').waitFor();
    await page.getByText('Price history is unavailable right now.').waitFor();
    await changed(() => total(page));
    await context.close();
  } finally {
    await control('start', 'dashboard');
  }
});
