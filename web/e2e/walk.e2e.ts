/** What a person does from signing up to leaving for good. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { add, changed, expectFocus, launch, loggedIn, PASSWORD, row, total, until, visitor, watch } from './people.ts';

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test('from signing up to a total that moves, by the keyboard alone', async () => {
  const { page, complaints, context } = await loggedIn(browser);
  let asked = 0;
  page.on('request', (request) => (asked += Number(request.url().includes('/v1/market/prices'))));
  await add(page, 'btc/usdt', '0.5');
  await row(page, 'btcusdt').waitFor();
  const [before, after] = await changed(() => total(page));
  expect(before).toMatch(/^[\d,]+\.\d\d\s+USDT$/);
  expect(after).not.toBe(before);
  await until(async () => (await page.title()).startsWith((await total(page)).split(/\s/)[0] ?? ''), 'the total in the title');
  await page.getByText('Simulated market').waitFor();
  expect(await page.getByRole('status').filter({ hasText: 'Live' }).count()).toBe(1);
  expect(complaints).toEqual([]);
  const currency = page.getByLabel('Currency of the values');
  await currency.selectOption('BTC');
  await until(async () => /^0\.50\s+BTC$/.test(await total(page)), 'the total in BTC');
  await page.getByRole('columnheader', { name: 'Value, BTC' }).waitFor();
  await page.reload();
  await until(async () => /^0\.50\s+BTC$/.test(await total(page)), 'the currency, remembered');
  // A response must not trigger the next request at once: there would be dozens by now.
  expect(asked).toBeLessThan(9);
  await context.close();
});

test('amounts are exact, and are changed in place', async () => {
  const { page, context } = await loggedIn(browser);
  await add(page, 'eth/usdt', '0.123456789012345678');
  const amount = row(page, 'ethusdt').locator('.edit');
  await amount.waitFor();
  expect(await amount.innerText()).toBe('0.123456789012345678');
  await amount.press('Enter');
  await page.keyboard.type('nonsense');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'This is not a number.' }).waitFor();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('12345678901234567890.5');
  await page.keyboard.press('Enter');
  await until(async () => (await amount.innerText()) === '12,345,678,901,234,567,890.5', 'the new amount');
  await expectFocus(amount);
  await amount.press('Enter');
  await page.keyboard.type('7');
  await page.keyboard.press('Escape');
  expect(await amount.innerText()).toBe('12,345,678,901,234,567,890.5');
  const copied = await page.evaluate(() => {
    getSelection()?.selectAllChildren(document.querySelector('[role=table]') ?? document.body);
    const clipboardData = new DataTransfer();
    document.dispatchEvent(new ClipboardEvent('copy', { clipboardData, cancelable: true }));
    return clipboardData.getData('text/plain');
  });
  expect(copied.split('\n').map((line) => line.split('\t').slice(0, 2))).toEqual([['Coin', 'Amount'], ['ETH/USDT', '12345678901234567890.5']]);
  await amount.press('Enter');
  await page.keyboard.type('0,125');
  await page.keyboard.press('Enter');
  await until(async () => (await amount.innerText()) === '0.125', 'never 125');
  // One who also counts in German.
  await page.evaluate(() => Object.defineProperty(navigator, 'languages', { get: () => ['en-US', 'de'] }));
  await amount.press('Enter');
  await page.keyboard.type('1,500');
  await page.keyboard.press('Enter');
  await page.getByRole('group', { name: 'can be read in two ways' }).getByRole('button', { name: '1.5 between 1 and 2' }).click();
  await until(async () => (await amount.innerText()) === '1.5', 'the reading that was chosen');
  await context.close();
});

test('what was removed comes back, to the last digit', async () => {
  const { page, context } = await loggedIn(browser);
  await add(page, 'btc/usdt', '0.000000000000000001');
  await row(page, 'btcusdt').waitFor();
  await add(page, 'sol/usdt', '3');
  await row(page, 'solusdt').waitFor();
  await row(page, 'btcusdt').getByRole('button', { name: 'Remove BTC' }).press('Enter');
  await row(page, 'btcusdt').waitFor({ state: 'detached' });
  await expectFocus(row(page, 'solusdt').locator('.edit'));
  await page.keyboard.press('Control+z');
  await row(page, 'btcusdt').waitFor();
  expect(await row(page, 'btcusdt').locator('.edit').innerText()).toBe('0.000000000000000001');
  await context.close();
});

test('cash and a bare coin are held like pairs, and are found by their name', async () => {
  const { page, context, complaints } = await loggedIn(browser);
  await add(page, 'usdt', '500.5');
  await until(async () => (await row(page, 'usdt').locator('.value').innerText()) === '500.50', 'the value of the cash');
  expect(await row(page, 'usdt').locator('.price').innerText()).toMatch(/^1\.00/);
  await add(page, 'btc', '2');
  await row(page, 'btcusdt').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('btc');
  await page.locator('[role=option]').filter({ hasText: 'the asset itself' }).first().click();
  await expectFocus(page.getByLabel('Amount', { exact: true }));
  await page.keyboard.type('1');
  await page.keyboard.press('Enter');
  await row(page, 'btc').locator('.value .figure').filter({ hasText: /\d/ }).waitFor();
  expect(await row(page, 'btc').getByText('Delisted').count()).toBe(0);
  expect(complaints).toEqual([]);
  await context.close();
});

test('who is faster than the suggestions gets what is written, not what was', async () => {
  const { page, context } = await loggedIn(browser, { serviceWorkers: 'block' });
  const search = page.locator('[role=combobox]');
  await search.fill('btc');
  await page.locator('[role=option]').filter({ hasText: 'BTC' }).first().waitFor();
  let answer = (): void => undefined;
  const entered = new Promise<void>((resolve) => (answer = resolve));
  await page.route(/\/v1\/market\/symbols/, async (route) => {
    await entered;
    await route.continue();
  });
  await search.fill('sol/usdt');
  await search.press('Enter');
  expect(await search.inputValue()).toBe('sol/usdt');
  answer();
  await expectFocus(page.getByLabel('Amount'));
  expect(await search.inputValue()).toBe('SOL/USDT');
  await page.keyboard.type('2');
  await page.keyboard.press('Enter');
  await row(page, 'solusdt').waitFor();
  await context.close();
});

test('a coin without any price on record is named below the curve of the others, and is in it as soon as its history is filled', async () => {
  const { page, context } = await loggedIn(browser, { serviceWorkers: 'block' });
  let filled = false;
  await page.route('**/v1/market/fill?*', (route) =>
    route.fulfill({ json: { state: 'filling', symbols_total: 9, symbols_done: 2, current: null, detail: '', pending: filled ? {} : { adausdt: 4 } } }),
  );
  await page.route('**/v1/market/closes?*', async (route) => {
    const response = await route.fetch();
    const { closes, ...rest } = (await response.json()) as { closes: Record<string, unknown> };
    await route.fulfill({ response, json: { ...rest, closes: { ...closes, adausdt: filled ? closes['btcusdt'] : [] } } });
  });
  await add(page, 'btc/usdt', '1');
  await page.getByRole('img', { name: /^Line chart: from/ }).waitFor();
  await add(page, 'ada/usdt', '1');
  await page.getByText('Excludes ADA: no recorded prices.').waitFor();
  await page.getByRole('button', { name: '30 days' }).click(); // which is asked for again every ten minutes
  await page.getByText('Excludes ADA: no recorded prices.').waitFor();
  await page.getByText('Filling history: 1 of 2').waitFor();
  filled = true;
  await page.getByText('Filling history').waitFor({ state: 'detached' });
  await page.getByText('Excludes ADA').waitFor({ state: 'detached' });
  await page.getByRole('img', { name: /^Line chart: from/ }).waitFor();
  await context.close();
});

test('a chart whose code fails to load shows an error, and loads on another try', async () => {
  const { page, context, complaints } = await loggedIn(browser, { serviceWorkers: 'block' });
  await page.route(/lightweight-charts/, (route) => route.abort());
  await add(page, 'btc/usdt', '1');
  await page.getByText('Price history is unavailable right now.').waitFor();
  await page.unroute(/lightweight-charts/);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('canvas').first().waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

test('what the exchange does not know is refused with what is near', async () => {
  const { page, context } = await loggedIn(browser);
  await page.locator('[role=combobox]').fill('btcusdx');
  await page.getByLabel('Amount').fill('1');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'does not trade this symbol' }).waitFor();
  await page.getByRole('button', { name: 'BTC/USDT' }).click();
  await page.keyboard.press('Enter');
  await row(page, 'btcusdt').waitFor();
  await context.close();
});

test('two tabs show one portfolio, refresh one after the other, and are left together', async () => {
  const { page, context, complaints } = await loggedIn(browser, { serviceWorkers: 'block' });
  await add(page, 'btc/usdt', '1');
  const tabs = await Promise.all(Array.from({ length: 3 }, () => context.newPage()));
  for (const tab of tabs) watch(tab, complaints);
  // No refresh goes on before every tab is loaded, and could have begun its own beside it.
  let loaded: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let most = 0;
  await context.route('**/v1/refresh', async (route) => {
    most = Math.max(most, ++waiting);
    await loaded;
    const response = await route.fetch();
    expect(response.status()).toBe(200);
    waiting -= 1;
    await route.fulfill({ response });
  });
  loaded = Promise.all(tabs.map((tab) => tab.goto('/')));
  await loaded;
  await Promise.all(tabs.map((tab) => row(tab, 'btcusdt').waitFor()));
  expect(most).toBe(1);
  const [other] = tabs;
  if (other === undefined) throw new Error('no tab');
  await add(other, 'eth/usdt', '2');
  await row(page, 'ethusdt').waitFor();
  await other.getByLabel('Currency of the values').selectOption('BTC');
  await until(async () => /BTC$/.test(await total(page)), 'the currency that was chosen in the other tab');
  await page.getByRole('columnheader', { name: 'Value, BTC' }).waitFor();
  await context.unroute('**/v1/refresh'); // once left, a tab may be refused before it hears of it
  await page.goto('/account');
  await page.getByRole('button', { name: 'Log out' }).click();
  await Promise.all([page, ...tabs].map((tab) => tab.locator('input[name=password]').waitFor()));
  await page.reload();
  await page.locator('input[name=password]').waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

test('who logs in next finds nothing of the one before: no way back, and no field in the middle of an edit', async () => {
  const { page, name, context } = await loggedIn(browser);
  await add(page, 'btc/usdt', '1');
  await row(page, 'btcusdt').waitFor();
  await add(page, 'eth/usdt', '2');
  await row(page, 'ethusdt').waitFor();
  await row(page, 'btcusdt').getByRole('button', { name: 'Remove BTC' }).press('Enter');
  await page.getByRole('button', { name: 'Undo' }).waitFor();
  await row(page, 'ethusdt').locator('.edit').click();
  await row(page, 'ethusdt').locator('input').waitFor();
  await page.getByRole('link', { name: 'Market' }).click();
  await page.getByRole('link', { name: 'Portfolio' }).click();
  await row(page, 'ethusdt').locator('.edit').waitFor();
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('link', { name: 'Create account' }).click();
  await page.fill('input[name=username]', `${name}next`);
  await page.fill('input[name=password]', PASSWORD);
  await page.click('form button[type=submit]');
  await page.getByText('Your portfolio is empty').waitFor();
  await page.getByLabel('Currency of the values').selectOption('BTC');
  expect(await page.getByRole('button', { name: 'Undo' }).count()).toBe(0);
  await page.getByRole('heading', { name: 'Your portfolio is empty' }).click();
  await page.keyboard.press('Control+z');
  await add(page, 'sol/usdt', '3');
  await row(page, 'solusdt').waitFor();
  await page.getByRole('columnheader', { name: 'Value, BTC' }).waitFor();
  expect(await row(page, 'btcusdt').count()).toBe(0);
  await context.close();
});

test('a session that is ended elsewhere is over at once', async () => {
  const here = await loggedIn(browser);
  const there = await visitor(browser);
  await there.page.goto('/login');
  await there.page.fill('input[name=username]', here.name.toUpperCase());
  await there.page.fill('input[name=password]', PASSWORD);
  await there.page.click('form button[type=submit]');
  await there.page.locator('[role=combobox]').waitFor();
  await here.page.goto('/account');
  await here.page.getByRole('button', { name: /^End the session of/ }).click();
  await there.page.getByText('Your session has ended').waitFor();
  await Promise.all([here.context.close(), there.context.close()]);
});

test('errors are sentences, at the field they are about', async () => {
  const { page, context } = await visitor(browser);
  await page.goto('/login');
  await page.fill('input[name=username]', 'unregistered-name');
  await page.fill('input[name=password]', 'wrong wrong wrong');
  await page.click('form button[type=submit]');
  await page.getByRole('alert').filter({ hasText: 'The name or the password is wrong.' }).waitFor();
  await page.getByRole('link', { name: 'Create account' }).click();
  await page.fill('input[name=username]', 'newcomer');
  await page.fill('input[name=password]', 'short');
  await page.click('form button[type=submit]');
  await page.getByRole('alert').filter({ hasText: 'at least 8 characters' }).waitFor();
  await expectFocus(page.locator('input[name=password]'));
  await context.close();
});

test('an account is deleted only by who types its name, and then for good', async () => {
  const { page, name, context } = await loggedIn(browser);
  await page.goto('/account');
  await page.getByText(name, { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Delete account' }).click();
  const forGood = page.getByRole('button', { name: 'Delete for good' });
  expect(await forGood.isDisabled()).toBe(true);
  await page.getByRole('dialog').getByRole('textbox').fill(name);
  await forGood.click();
  await page.getByText('Your account has been deleted.').waitFor();
  await page.fill('input[name=username]', name);
  await page.fill('input[name=password]', PASSWORD);
  await page.click('form button[type=submit]');
  await page.getByRole('alert').filter({ hasText: 'The name or the password is wrong.' }).waitFor();
  await context.close();
});
