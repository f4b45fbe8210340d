/** What a person sees when something fails, and that it is right again afterwards without them doing anything. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { add, changed, launch, loggedIn, row, tell, total } from './people.ts';

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test('the server restarts: the page says so, keeps its figures, and is live again by itself', async () => {
  const { page, context, complaints } = await loggedIn(browser);
  await add(page, 'btc', '1');
  await row(page, 'btcusdt').waitFor();
  await changed(() => total(page));
  await tell('kill', 'profile');
  await page.getByRole('status').filter({ hasText: 'Reconnecting' }).waitFor();
  const last = await total(page);
  expect(last).toMatch(/\d/);
  await tell('start', 'profile');
  await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
  await changed(() => total(page));
  expect(complaints).toEqual([]);
  await context.close();
});

test('prices stop: the figures are called stale, with their time', async () => {
  const { page, context } = await loggedIn(browser);
  await add(page, 'eth', '1');
  await row(page, 'ethusdt').waitFor();
  await changed(() => total(page));
  await tell('stop', 'socket');
  try {
    await page.getByRole('status').filter({ hasText: 'Stale since' }).waitFor({ timeout: 40_000 });
  } finally {
    await tell('start', 'socket');
  }
  await page.getByRole('status').filter({ hasText: 'Live' }).waitFor({ timeout: 40_000 });
  await context.close();
});

test('without history there is still a portfolio', async () => {
  await tell('stop', 'dashboard');
  try {
    const { page, context } = await loggedIn(browser);
    // Without the market there are no suggestions: whoever knows the symbol types it whole.
    await page.getByRole('combobox').fill('btcusdt');
    await page.getByLabel('Amount').fill('1');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await row(page, 'btcusdt').waitFor();
    await page.getByText('The history cannot be shown right now.').waitFor();
    await changed(() => total(page));
    await context.close();
  } finally {
    await tell('start', 'dashboard');
  }
});
