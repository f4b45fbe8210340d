/** Users with browsers, and what they do and see. SITE_URL and CONTROL_URL locate the stack (tests/web/stack.py). */
import { existsSync } from 'node:fs';

import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Locator, type Page } from 'playwright-core';
import { expect } from 'vitest';

export const PASSWORD = 'correct horse battery';
export const SITE_URL = required('SITE_URL');

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable'];

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: pytest tests/web starts a stack and sets it`);
  return value;
}

/** The system's Chromium, or the one that CHROMIUM names. */
export function launch(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? PLACES.find((place) => existsSync(place));
  if (executablePath === undefined) throw new Error('no Chromium: install one, or set CHROMIUM');
  // As root there is no sandbox to be had. The pages are ours.
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
}

export interface Person {
  readonly name: string;
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the browser complained about: errors of scripts, and of the page's policy. */
  readonly complaints: string[];
}

let people = 0;

/** A user with a separate browser context, not logged in. */
export async function visitor(browser: Browser, options: BrowserContextOptions = {}): Promise<Person> {
  const context = await browser.newContext({ baseURL: SITE_URL, locale: 'en-US', ...options });
  context.setDefaultTimeout(90_000);
  const person = { name: `p${Date.now().toString(36)}${people++}`, context, page: await context.newPage(), complaints: [] as string[] };
  watch(person.page, person.complaints);
  return person;
}

/** Answers that are refusals on purpose show up as errors in the console, too; they are not what is watched for. */
export function watch(page: Page, complaints: string[]): void {
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(text)) complaints.push(text);
  });
}

export async function signUp(person: Person): Promise<void> {
  const { page, name } = person;
  await page.goto('/register');
  await page.fill('input[name=username]', name);
  await page.fill('input[name=password]', PASSWORD);
  await page.click('form button[type=submit]');
  await page.waitForSelector('[role=combobox]');
}

export async function loggedIn(browser: Browser, options: BrowserContextOptions = {}): Promise<Person> {
  const person = await visitor(browser, options);
  await signUp(person);
  return person;
}

/** By the keyboard alone, as a user in a hurry does. */
export async function add(page: Page, letters: string, amount: string): Promise<void> {
  await page.keyboard.press('/');
  const search = page.locator('[role=combobox]');
  await expectFocus(search);
  await page.keyboard.type(letters);
  await page.locator('[role=option]').first().waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.type(amount);
  await page.keyboard.press('Enter');
}

export function row(page: Page, symbol: string): Locator {
  return page.locator(`[role=row][data-symbol=${symbol}]`);
}

export async function expectFocus(locator: Locator): Promise<void> {
  await until(() => locator.evaluate((element) => element === document.activeElement));
}

/** Poll until it is true; the page's own waits cannot see figures change. */
export async function until(condition: () => Promise<boolean>, what = 'the condition'): Promise<void> {
  await expect.poll(condition, { timeout: 90_000, interval: 50, message: what }).toBe(true);
}

/** Wait until what `read` gives is another than now; both. */
export async function changed<T>(read: () => Promise<T>): Promise<readonly [T, T]> {
  const before = await read();
  let after = before;
  await until(async () => (after = await read()) !== before, `another value than ${String(before)}`);
  return [before, after];
}

export const total = (page: Page): Promise<string> => page.getByTestId('total').innerText();

/** Stop, kill or start a service of the stack. */
export async function control(verb: 'stop' | 'kill' | 'start', service: string): Promise<void> {
  const answer = await fetch(`${required('CONTROL_URL')}/${verb}/${service}`, { method: 'POST' });
  expect(answer.status).toBe(204);
}
