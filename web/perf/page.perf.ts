/**
 * What the page costs, in a real browser against a running stack: `make web-perf`. Figures go to stdout; the assertions are
 * the budgets, which hold on a machine that has nothing else to do. What holds on any machine is in e2e/ticking.e2e.ts.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { launch, loggedIn, row, until, visitor } from '../e2e/people.ts';
import { busy, fill, heapMegabytes, observe, replay, replayedFor, rows, seen } from './measure.ts';

const COINS = 50;
const HOURS = 8;
const TICKS_AN_HOUR = 3600;

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

function report(what: string, figures: Record<string, number | string>): void {
  const text = Object.entries(figures).map(([name, value]) => `${name} ${typeof value === 'number' ? Math.round(value * 10) / 10 : value}`);
  process.stdout.write(`PERF ${what}: ${text.join(', ')}\n`);
}

const quantile = (values: readonly number[], q: number): number => values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? NaN;

test('first paint, with nothing kept and with everything kept', async () => {
  const { page, context } = await visitor(browser);
  const paint = async (): Promise<Record<string, number>> => {
    await page.locator('input[name=password]').waitFor();
    return page.evaluate(() => {
      const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
      const [first] = performance.getEntriesByName('first-contentful-paint');
      const scripts = (performance.getEntriesByType('resource') as PerformanceResourceTiming[]).filter(({ name }) => name.endsWith('.js'));
      return {
        'first contentful paint ms': first?.startTime ?? NaN,
        'loaded ms': navigation?.loadEventEnd ?? NaN,
        'script kB on the wire': scripts.reduce((sum, { transferSize }) => sum + transferSize, 0) / 1000,
      };
    });
  };
  await page.goto('/login');
  const cold = await paint();
  report('cold', cold);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  report('warm', await paint());
  expect(cold['first contentful paint ms']).toBeLessThan(1800);
  await context.close();
});

test(`${COINS} coins tick: from the frame to the page, and from a key to the next paint`, async () => {
  const { page, context } = await loggedIn(browser, { viewport: { width: 1440, height: 900 } });
  await fill(page, COINS);
  await observe(context);
  await page.reload();
  await rows(page, COINS);
  for (let round = 0; round < 6; round++) await busy(page);
  await until(async () => (await seen(page)).written.length >= 30, '30 ticks');
  const { written, events, shifts } = await seen(page);
  report('frame to DOM', { ticks: written.length, 'median ms': quantile(written, 0.5), 'p99 ms': quantile(written, 0.99), 'max ms': Math.max(...written) });
  report('interaction to next paint', { measured: events.length, 'median ms': quantile(events, 0.5), 'p98 ms': quantile(events, 0.98) });
  const shifted = shifts.reduce((sum, { value }) => sum + value, 0);
  report('cumulative layout shift', { 'from the first paint on': shifted.toFixed(4) });
  expect(events.length).toBeGreaterThan(0);
  expect(quantile(written, 0.99)).toBeLessThanOrEqual(100);
  expect(quantile(events, 0.98)).toBeLessThanOrEqual(200);
  expect(shifted).toBeLessThanOrEqual(0.1);
  await context.close();
});

test('eight hours of ticks leave the memory as it was', async () => {
  const { page, context } = await loggedIn(browser, { viewport: { width: 1440, height: 900 } });
  await fill(page, COINS);
  const symbols = await page.locator('[data-symbol]').evaluateAll((found) => found.map((one) => one.getAttribute('data-symbol') ?? ''));
  await replayedFor(context, symbols);
  await page.reload();
  await row(page, symbols[0] ?? '').waitFor();
  const session = await context.newCDPSession(page);
  const heaps: number[] = [];
  const started = Date.now();
  for (let hour = 0; hour < HOURS; hour++) {
    await replay(page, TICKS_AN_HOUR);
    heaps.push(await heapMegabytes(session));
    report(`after ${hour + 1} h of ticks`, { 'heap MB': heaps.at(-1) ?? NaN, seconds: (Date.now() - started) / 1000 });
  }
  const shown = await page.getByTestId('total').innerText();
  expect(shown).toContain('128,800.5');
  // What comes at its real pace meanwhile (charts, their code, what is polled by the minute) is there by half the time.
  const half = heaps[HOURS / 2 - 1] ?? 0;
  expect(heaps.at(-1)).toBeLessThan(half * 1.1);
  await context.close();
});
